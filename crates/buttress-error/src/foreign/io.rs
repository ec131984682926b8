//! `std::io::Error`, classified by its number and its kind.

use std::error::Error as StdError;
use std::io::{Error, ErrorKind as Io};

use super::tls::{self, Alert};
use crate::axes::{Delivery, RetryAdvice};
use crate::class::Class;
use crate::classify::Classify;
use crate::error::in_io;
use crate::foreign::Transport;
use crate::kind::Kind;
use crate::rejection::Rejection;
use crate::retry_summary::RetrySummary;

/// Classifies by the number, then by the kind, then by the inner error.
impl Classify for Error {
    #[inline]
    fn class(&self) -> Class {
        if self.get_ref().is_none() { of_error(self) } else { super::classify(self) }
    }

    fn note_retry_summary(&mut self, summary: &RetrySummary) {
        if let Some(error) = in_io(self) {
            error.set_retry_summary(summary);
        }
    }

    #[inline]
    fn passes_on(&self) -> Option<&crate::Error> {
        self.get_ref().and_then(|_| super::ours(self))
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(of_error)
}

/// Returns the rejection that was converted into an `io::Error`: its class says more than the kind of the `io::Error`. (A
/// different kind was chosen on purpose.)
pub(super) fn rejection<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Rejection> {
    let error = error.downcast_ref::<Error>()?;
    let rejection: &Rejection = error.get_ref()?.downcast_ref()?;
    (error.kind() == rejection.io_kind()).then_some(rejection)
}

/// Returns the class of an error, without its inner error.
pub(super) fn of_error(error: &Error) -> Class {
    if is_host_exhausted(error) {
        Transport::HostExhausted.class()
    } else if tls::alert(error) == Some(Alert::Handshake) {
        Transport::Untrusted.class()
    } else if error.raw_os_error().is_some() && error.kind() == Io::AddrNotAvailable {
        // From bind or connect: reported by this host itself.
        from_kind(error.kind()).delivery(Delivery::NotProcessed)
    } else {
        from_kind(error.kind())
    }
}

/// Returns `true` if this host has no free file descriptor or buffer. The standard library has no kind for that.
pub(super) fn is_host_exhausted(error: &Error) -> bool {
    error.raw_os_error().is_some_and(|number| HOST_EXHAUSTED.contains(&number))
}

/// EMFILE, ENFILE and ENOBUFS.
const HOST_EXHAUSTED: &[i32] = if cfg!(windows) {
    // WSAEMFILE and WSAENOBUFS.
    &[10024, 10055]
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    &[24, 23, 105]
} else {
    &[24, 23, 55]
};

/// Returns the failure of an established connection. The request may have arrived, so the table of `io::ErrorKind` does not
/// apply. An `io::Error` that only wraps another error has no class itself.
#[cfg(any(feature = "h2", feature = "hyper"))]
pub(super) fn on_connection(error: &Error) -> Option<Transport> {
    match (tls::alert(error), error.kind()) {
        (Some(Alert::Handshake), _) => Some(Transport::Untrusted),
        (Some(Alert::Other), _) => Some(Transport::Reset),
        (None, Io::InvalidData | Io::InvalidInput) => Some(Transport::Undecodable),
        (None, Io::Other) => None,
        (None, _) => Some(Transport::Reset),
    }
}

pub(super) fn from_kind(kind: Io) -> Class {
    let kind = match kind {
        Io::NotFound => Kind::NotFound,
        Io::PermissionDenied => Kind::PermissionDenied,
        Io::ConnectionRefused
        | Io::NotConnected
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown => return Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed),
        Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::BrokenPipe
        | Io::UnexpectedEof
        | Io::StaleNetworkFileHandle => Kind::Unavailable,
        Io::TimedOut => Kind::Timeout,
        Io::AlreadyExists => Kind::AlreadyExists,
        Io::NotADirectory
        | Io::IsADirectory
        | Io::DirectoryNotEmpty
        | Io::ReadOnlyFilesystem
        | Io::AddrInUse
        | Io::AddrNotAvailable
        | Io::CrossesDevices => Kind::FailedPrecondition,
        Io::WouldBlock | Io::ResourceBusy | Io::ExecutableFileBusy | Io::Deadlock | Io::Interrupted => {
            return Class::new(Kind::Aborted).retry(RetryAdvice::Call);
        }
        Io::StorageFull
        | Io::QuotaExceeded
        | Io::FileTooLarge
        | Io::TooManyLinks
        | Io::WriteZero
        | Io::OutOfMemory => Kind::ResourceExhausted,
        Io::InvalidInput | Io::InvalidFilename | Io::ArgumentListTooLong => Kind::InvalidArgument,
        Io::InvalidData => Kind::BadResponse,
        Io::Unsupported => Kind::Unimplemented,
        _ => Kind::Unknown,
    };
    Class::new(kind)
}
