//! h2's errors.

use std::error::Error as StdError;

use h2::{Error, Reason};

use crate::{Class, Classify, Transport};

impl Classify for Error {
    fn class(&self) -> Class {
        own(self).unwrap_or(Transport::Reset).class()
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}

/// Both are safe to repeat only when the other side says so: a stream of our own making tells nothing.
pub(super) fn own(error: &Error) -> Option<Transport> {
    Some(match error.reason() {
        Some(Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => Transport::RefusedStream,
        Some(Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => Transport::GoAway,
        _ => Transport::Reset,
    })
}
