//! What becomes an error by `?`.

use std::error::Error as StdError;
use std::panic::Location;

use super::{Error, What};
use crate::{BoxError, Classify, foreign};

/// Keeps the class and the value; `?` records the caller's line. (Not that of a [`Rejection`](crate::Rejection): it is a
/// layer's own line, which would tell nothing.) What was added to an error that this one only
/// [passes on](Classify::passes_on) is kept, too.
impl<E: Classify + StdError + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        let (class, location) = (error.class(), Some(Location::caller()));
        if foreign::is_telling::<E>() {
            return Self::boxed(class, error.into(), location);
        }
        let details = error.passes_on().and_then(Self::details);
        let what = What::of(error);
        let location = location.filter(|_| !matches!(what, What::Rejection(_)));
        Self::build(class, what, location).with_details(details)
    }
}

/// An `Error` in the box comes out as the same value; anything else is classified by [`classify`](crate::classify).
impl From<BoxError> for Error {
    #[track_caller]
    fn from(error: BoxError) -> Self {
        Self::unbox(error, Some(Location::caller()))
    }
}
