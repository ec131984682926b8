//! hyper's errors.

use std::error::Error as StdError;

use hyper::Error;

use super::wire::after_connect;
use crate::{Class, Classify, Transport};

/// By what it says of itself; else by its causes; else the connection broke.
impl Classify for Error {
    fn class(&self) -> Class {
        after_connect(self).unwrap_or(Transport::Reset).class()
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}

/// What it says without its causes.
pub(super) fn own(error: &Error) -> Option<Transport> {
    if error.is_user() {
        Some(if is_gone(error) { Transport::Reset } else { Transport::RequestBody })
    } else if error.is_parse() {
        Some(Transport::Undecodable)
    } else if error.is_canceled() || error.is_closed() {
        // The connection ended while the request waited for it, or before.
        Some(Transport::Connect)
    } else if error.is_timeout() {
        Some(Transport::ReadTimeout)
    } else if error.is_incomplete_message() {
        Some(Transport::Reset)
    } else {
        None
    }
}

/// The task of the connection was dropped, with the runtime of whoever came first. hyper takes that for the user's doing, and
/// tells it by these words alone.
fn is_gone(error: &Error) -> bool {
    error.source().is_some_and(|cause| cause.to_string() == "runtime dropped the dispatch task")
}
