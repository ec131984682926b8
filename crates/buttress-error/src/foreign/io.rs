//! `std::io::Error`, by its kind.

use std::error::Error as StdError;
use std::io::{Error, ErrorKind as Io};

use crate::error::in_io;
use crate::{Class, Classify, Delivery, Effort, Kind, Rejection, Retry};

/// By its kind; where that says nothing, by the error that it carries.
impl Classify for Error {
    #[inline]
    fn class(&self) -> Class {
        if self.get_ref().is_none() { from_kind(self.kind()) } else { super::classify(self) }
    }

    fn note_effort(&mut self, effort: &Effort) {
        if let Some(error) = in_io(self) {
            error.set_effort(effort);
        }
    }

    #[inline]
    fn passes_on(&self) -> Option<&crate::Error> {
        self.get_ref().and_then(|_| super::ours(self))
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(|error| from_kind(error.kind()))
}

/// The rejection that was made an `io::Error`: its own class says more than the kind it has there. (Where the kind is
/// another one, somebody chose that.)
pub(super) fn rejection<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Rejection> {
    let error = error.downcast_ref::<Error>()?;
    let rejection: &Rejection = error.get_ref()?.downcast_ref()?;
    (error.kind() == rejection.io_kind()).then_some(rejection)
}

pub(super) fn from_kind(kind: Io) -> Class {
    let kind = match kind {
        Io::NotFound => Kind::NotFound,
        Io::PermissionDenied => Kind::PermissionDenied,
        Io::ConnectionRefused
        | Io::NotConnected
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown => return Class::new(Kind::Unavailable).delivery(Delivery::NotSent),
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
            return Class::new(Kind::Aborted).retry(Retry::Call);
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
