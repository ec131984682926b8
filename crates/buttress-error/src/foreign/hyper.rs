//! The errors of hyper.

use std::error::Error as StdError;

use hyper::Error;

use super::wire::after_connect;
use crate::class::Class;
use crate::classify::Classify;
use crate::foreign::Transport;

/// Classifies by its own category, else by its causes, else as a broken connection.
impl Classify for Error {
    fn class(&self) -> Class {
        after_connect(self).unwrap_or(Transport::Reset).class()
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}

/// The category of the error without its causes.
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

/// Returns `true` if the task of the connection was dropped together with the runtime that created it. hyper reports that as
/// an error of the user, distinguished only by this message.
fn is_gone(error: &Error) -> bool {
    error.source().is_some_and(|cause| cause.to_string() == "runtime dropped the dispatch task")
}
