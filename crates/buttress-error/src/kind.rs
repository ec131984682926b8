//! `Kind`: the one word that retry, breaker, log, HTTP and exit code all read.

use std::fmt;

use crate::axes::{BreakerEffect, Delivery, Fault, Level, RetryAdvice};
use crate::table::{TABLE, row};

/// What kind of failure it is.
///
/// Numbers 1 to 16 are the canonical codes of
/// [`google.rpc.Code`](https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto). Numbers from
/// 32 refine one of them where a resilience stack must tell two cases apart that gRPC folds together;
/// [`canonical`](Self::canonical) maps them back. Every axis below is one column of one table, exported as
/// `kinds.json` beside this crate's manifest.
///
/// ```
/// use buttress_error::{Kind, RetryAdvice};
///
/// assert_eq!(Kind::Timeout.retry(), RetryAdvice::Call);
/// assert_eq!(Kind::DeadlineExceeded.retry(), RetryAdvice::Never);
/// assert_eq!(Kind::Timeout.canonical(), Kind::DeadlineExceeded);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// The caller went away or said stop.
    Cancelled = 1,
    /// Nobody classified it.
    Unknown = 2,
    /// The request is wrong, whatever the state of the system.
    InvalidArgument = 3,
    /// The caller's whole time budget is spent. (One attempt's time: [`Timeout`](Self::Timeout).)
    DeadlineExceeded = 4,
    /// The thing asked for does not exist.
    NotFound = 5,
    /// The thing to create exists.
    AlreadyExists = 6,
    /// The caller is known and may not.
    PermissionDenied = 7,
    /// Quota, disk or memory is used up; it may take hours. (It passes in a second: [`Throttled`](Self::Throttled).)
    ResourceExhausted = 8,
    /// The system is not in the state that the request needs.
    FailedPrecondition = 9,
    /// A conflict with concurrent work: restart the operation.
    Aborted = 10,
    /// Past the valid range, for the present state of the system.
    OutOfRange = 11,
    /// The operation does not exist here.
    Unimplemented = 12,
    /// An invariant is broken.
    Internal = 13,
    /// The dependency cannot be reached or cannot answer now.
    Unavailable = 14,
    /// Data is lost or corrupt beyond repair.
    DataLoss = 15,
    /// The caller is not known: no credentials, or stale ones.
    Unauthenticated = 16,
    /// The dependency asks us to slow down. Refines [`ResourceExhausted`](Self::ResourceExhausted).
    Throttled = 32,
    /// One attempt took too long. Refines [`DeadlineExceeded`](Self::DeadlineExceeded).
    Timeout = 33,
    /// We refused: circuit open, bulkhead full, rate limit, shed. Refines [`Unavailable`](Self::Unavailable).
    Rejected = 34,
    /// The reply cannot be decoded. Refines [`Internal`](Self::Internal).
    BadResponse = 35,
    /// This program's configuration is wrong. Refines [`Internal`](Self::Internal).
    Config = 36,
    /// Code panicked. Refines [`Internal`](Self::Internal).
    Panic = 37,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 22] = {
        let mut all = [Self::Unknown; 22];
        let mut i = 0;
        while i < all.len() {
            all[i] = TABLE[i].kind;
            i += 1;
        }
        all
    };

    /// Its number: stable, 1 to 16 as in gRPC, 32 and above our own.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name in `snake_case`, as it stands in logs, labels and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        row(self).name
    }

    /// The canonical code it refines; itself for numbers 1 to 16.
    #[must_use]
    pub const fn canonical(self) -> Self {
        row(self).canonical
    }

    /// The gRPC status code, 1 to 16.
    #[must_use]
    pub const fn grpc(self) -> u8 {
        self.canonical().number()
    }

    /// The HTTP status with which a server answers.
    #[must_use]
    pub const fn http(self) -> u16 {
        row(self).http
    }

    /// May it be repeated, and by whom?
    #[must_use]
    pub const fn retry(self) -> RetryAdvice {
        row(self).retry
    }

    /// What is known about the request's arrival, unless the layer that failed knows better.
    #[must_use]
    pub const fn delivery(self) -> Delivery {
        row(self).delivery
    }

    /// Who has to change something.
    #[must_use]
    pub const fn fault(self) -> Fault {
        row(self).fault
    }

    /// Does it count against the dependency?
    #[must_use]
    pub const fn breaker(self) -> BreakerEffect {
        row(self).breaker
    }

    /// The level at which a server logs an answer of this kind.
    #[must_use]
    pub const fn level(self) -> Level {
        row(self).level
    }

    /// Is it the program itself that is broken: internal, data loss or panic? Only those carry a backtrace.
    #[must_use]
    pub const fn is_bug(self) -> bool {
        matches!(self, Self::Internal | Self::DataLoss | Self::Panic)
    }

    /// Is it one that nobody ever repeats, whatever an error of this kind says of itself?
    pub(crate) const fn is_never_retried(self) -> bool {
        matches!(self, Self::Internal | Self::Panic | Self::DataLoss | Self::Config | Self::InvalidArgument)
    }

    /// Its name in words for people, as in `not found`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid argument",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::PermissionDenied => "permission denied",
            Self::ResourceExhausted => "resource exhausted",
            Self::FailedPrecondition => "failed precondition",
            Self::OutOfRange => "out of range",
            Self::DataLoss => "data loss",
            Self::BadResponse => "bad response",
            one_word => one_word.as_str(),
        }
    }

    /// The kind as which it arrives at a client. Rejected, config and panic speak of the sender's own process and arrive
    /// as their [canonical](Self::canonical) kind: a server that sheds load is unavailable to its client.
    #[must_use]
    pub const fn on_wire(self) -> Self {
        match self {
            Self::Rejected | Self::Config | Self::Panic => self.canonical(),
            other => other,
        }
    }

    /// The kind of this [name](Self::as_str).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The exit code of a program that ends with it: 0, 1, 2 in the shell's tradition (130 for an interrupt, 101
    /// for a panic).
    #[must_use]
    pub const fn exit(self) -> u8 {
        row(self).exit
    }

    /// The exit code in the tradition of `sysexits.h`; 75 exactly when running the program again may help.
    #[must_use]
    pub const fn sysexit(self) -> u8 {
        row(self).sysexit
    }
}

/// Writes [`as_str`](Kind::as_str).
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
