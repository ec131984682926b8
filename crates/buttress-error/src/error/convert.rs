//! What becomes an error by `?`.

use std::error::Error as StdError;
use std::panic::Location;

use super::{Error, What};
use crate::foreign::{self, first_ours};
use crate::{BoxError, Classify};

/// Keeps the class and the value; `?` records the caller's line. (Not that of a [`Rejection`](crate::Rejection): it is a
/// layer's own line, which would tell nothing.) What was added to an error that this one only
/// [passes on](Classify::passes_on) is kept, too; of an error of ours further below, all but the words for clients.
impl<E: Classify + StdError + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        let (mut class, location) = (error.class(), Some(Location::caller()));
        if foreign::is_telling::<E>() {
            return Self::boxed(class, error.into(), location, false);
        }
        let details = match error.passes_on() {
            Some(inner) => inner.details_below(class.kind),
            None => first_ours(&error).and_then(|inner| {
                class.exhausted |= inner.class().exhausted;
                inner.details_for_operators()
            }),
        };
        let made_here = class.kind.is_bug() && !foreign::is_known(&error);
        let what = What::of(error);
        let location = location.filter(|_| !matches!(what, What::Rejection(_)));
        Self::build(class, what, location, || made_here).with_details(details)
    }
}

/// An `Error` in the box comes out as the same value; anything else is classified by [`classify`](crate::classify).
impl From<BoxError> for Error {
    #[track_caller]
    fn from(error: BoxError) -> Self {
        Self::unbox(error, Some(Location::caller()))
    }
}
