//! Conversions by `?`.

use std::error::Error as StdError;
use std::panic::Location;

use super::{Content, Error};
use crate::BoxError;
use crate::classify::Classify;
use crate::foreign::{self, first_ours};

/// Keeps the class and the value, and records the caller's line (but not for a [`Rejection`](crate::Rejection), whose line
/// would be that of a layer). The additions of an error that this one [passes on](Classify::passes_on) are kept, too; those
/// of an `Error` among the causes are kept except for what clients see.
impl<E: Classify + StdError + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        let (mut class, location) = (error.class(), Some(Location::caller()));
        if foreign::has_secrets::<E>() {
            return Self::boxed(class, error.into(), location, false);
        }
        let details = match error.passes_on() {
            Some(inner) if inner.group().is_some() => {
                let mut details = inner.details_below(class.kind).unwrap_or_default();
                details.passed_on = Some(inner.clone());
                Some(details)
            }
            Some(inner) => inner.details_below(class.kind),
            None => first_ours(&error).and_then(|inner| {
                class.exhausted |= inner.class().exhausted;
                inner.details_for_operators()
            }),
        };
        let made_here = class.kind.is_bug() && !foreign::is_known(&error);
        let content = Content::of(error);
        let location = location.filter(|_| !matches!(content, Content::Rejection(_)));
        Self::build(class, content, location, || made_here).with_details(details)
    }
}

/// Returns an `Error` in the box as the same value, and classifies any other error by [`classify`](crate::classify).
impl From<BoxError> for Error {
    #[track_caller]
    fn from(error: BoxError) -> Self {
        Self::unbox(error, Some(Location::caller()))
    }
}
