//! serde_json's errors.

use std::error::Error as StdError;

use serde_json::Error;

use crate::class::Class;
use crate::classify::Classify;
use crate::kind::Kind;

/// A failed reader or writer by the kind of its `io::Error`; anything else says that the data is not what was expected,
/// which is [`Kind::BadResponse`]. Where it is a client's request that can't be read, say so:
/// [`Kind::InvalidArgument`].
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
