//! `Kind`: the kind of a failure, from which retry, breaker, log level, HTTP status and exit code follow.

use std::fmt;

use crate::axes::{BreakerEffect, Delivery, Fault, Level, RetryAdvice};
use crate::table::{TABLE, row};

/// The kind of a failure.
///
/// Numbers 1 to 16 are the canonical codes of
/// [`google.rpc.Code`](https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto). Numbers from
/// 32 refine one of them where a resilience stack must distinguish two cases that gRPC does not;
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
    /// The caller cancelled the call or went away.
    Cancelled = 1,
    /// The failure has no other classification.
    Unknown = 2,
    /// The request is wrong, whatever the state of the system.
    InvalidArgument = 3,
    /// The time for the whole call is used up. (For a single attempt: [`Timeout`](Self::Timeout).)
    DeadlineExceeded = 4,
    /// The requested resource does not exist.
    NotFound = 5,
    /// The resource to create already exists.
    AlreadyExists = 6,
    /// The caller is authenticated and lacks the permission.
    PermissionDenied = 7,
    /// A quota, the disk or the memory is used up, possibly for hours. (For seconds: [`Throttled`](Self::Throttled).)
    ResourceExhausted = 8,
    /// The system is not in the state that the request needs.
    FailedPrecondition = 9,
    /// A conflict with concurrent work: restart the operation.
    Aborted = 10,
    /// The request goes past the valid range, in the current state of the system.
    OutOfRange = 11,
    /// The operation is not implemented here.
    Unimplemented = 12,
    /// An invariant is broken.
    Internal = 13,
    /// The dependency cannot be reached, or cannot answer at the moment.
    Unavailable = 14,
    /// Data is lost or corrupt beyond repair.
    DataLoss = 15,
    /// The caller has no credentials, or stale ones.
    Unauthenticated = 16,
    /// The dependency asks its callers to slow down. Refines [`ResourceExhausted`](Self::ResourceExhausted).
    Throttled = 32,
    /// One attempt took too long. Refines [`DeadlineExceeded`](Self::DeadlineExceeded).
    Timeout = 33,
    /// A layer of this program refused the call: circuit open, bulkhead full, rate limit, load shed. Refines [`Unavailable`](Self::Unavailable).
    Rejected = 34,
    /// The response cannot be decoded. Refines [`Internal`](Self::Internal).
    BadResponse = 35,
    /// This program's configuration is wrong. Refines [`Internal`](Self::Internal).
    Config = 36,
    /// The code panicked. Refines [`Internal`](Self::Internal).
    Panic = 37,
}

impl Kind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [Self; 22] = {
        let mut all = [Self::Unknown; 22];
        let mut i = 0;
        while i < all.len() {
            all[i] = TABLE[i].kind;
            i += 1;
        }
        all
    };

    /// Returns its number, which never changes: 1 to 16 as in gRPC, from 32 those of Buttress.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns its name in `snake_case`, as in logs, labels and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        row(self).name
    }

    /// Returns the canonical kind that it refines; the kind itself for numbers 1 to 16.
    #[must_use]
    pub const fn canonical(self) -> Self {
        row(self).canonical
    }

    /// Returns the gRPC status code, 1 to 16.
    #[must_use]
    pub const fn grpc(self) -> u8 {
        self.canonical().number()
    }

    /// Returns the HTTP status of a server's response.
    #[must_use]
    pub const fn http(self) -> u16 {
        row(self).http
    }

    /// Returns the work that a retry has to repeat, if a retry can help.
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

    /// Returns how a circuit breaker counts it.
    #[must_use]
    pub const fn breaker(self) -> BreakerEffect {
        row(self).breaker
    }

    /// Returns the level at which a server logs a response with an error of this kind.
    #[must_use]
    pub const fn level(self) -> Level {
        row(self).level
    }

    /// Returns `true` if the program itself is broken: internal, data loss or panic. Only those have a backtrace.
    #[must_use]
    pub const fn is_bug(self) -> bool {
        matches!(self, Self::Internal | Self::DataLoss | Self::Panic)
    }

    /// Returns `true` for a kind that no layer retries, whatever the class of the error.
    pub(crate) const fn is_never_retried(self) -> bool {
        matches!(self, Self::Internal | Self::Panic | Self::DataLoss | Self::Config | Self::InvalidArgument)
    }

    /// Returns its name in words, as in `not found`.
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

    /// Returns the kind that a client receives. Rejected, config and panic refer to the sender's own process, so the client
    /// receives their [canonical](Self::canonical) kind: a server that sheds load is unavailable to its client.
    #[must_use]
    pub const fn on_wire(self) -> Self {
        match self {
            Self::Rejected | Self::Config | Self::Panic => self.canonical(),
            other => other,
        }
    }

    /// Returns the kind with this [name](Self::as_str).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns the exit code of a program that ends with it: 1 or 2 in the shell's tradition (130 for an interrupt, 101
    /// for a panic).
    #[must_use]
    pub const fn exit(self) -> u8 {
        row(self).exit
    }

    /// Returns the exit code of `sysexits.h`. It is 75 if and only if running the program again may help.
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
