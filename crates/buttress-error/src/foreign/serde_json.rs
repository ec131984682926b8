//! The errors of serde_json.

use std::error::Error as StdError;

use serde_json::Error;

use crate::class::Class;
use crate::classify::Classify;
use crate::kind::Kind;

/// Classifies a failed reader or writer by the kind of its `io::Error`. Anything else means that the data is invalid, which
/// is [`Kind::BadResponse`]. For the request of a client, set [`Kind::InvalidArgument`].
impl Classify for Error {
    fn class(&self) -> Class {
        match self.io_error_kind() {
            Some(kind) => super::io::from_kind(kind),
            None => Class::new(Kind::BadResponse),
        }
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}
