//! The classes of error types that are not ours.

mod io;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(feature = "tower")]
mod tower;

use std::error::Error as StdError;
use std::{io as std_io, iter};

use crate::error::MAX_DEPTH;
use crate::{Class, Classified, Classify, ConfigError, Error, Kind, Rejection};

/// The class of an error of any type: of the first link of its `source()` chain that is an [`Error`], a
/// [`Rejection`], a [`ConfigError`], or a foreign type that this crate knows (`std::io::Error`; with feature `tokio` its `Elapsed` and
/// `JoinError`; with feature `tower` its `Elapsed`, `Overloaded` and `Closed`). [`Kind::Unknown`] where there is none.
///
/// At most 64 links are followed. An `io::Error` that only carries another error is looked into.
#[must_use]
pub fn classify(error: &(dyn StdError + 'static)) -> Class {
    iter::successors(Some(error), |error| inside(*error))
        .take(MAX_DEPTH)
        .find_map(known)
        .unwrap_or(const { Class::new(Kind::Unknown) })
}

/// The next link. `io::Error::source` passes over the error that it carries; this does not.
fn inside<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    match error.downcast_ref::<std_io::Error>().and_then(std_io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}

fn known(error: &(dyn StdError + 'static)) -> Option<Class> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(error.classified());
    }
    let class = (error.downcast_ref::<Rejection>().map(Classify::class))
        .or_else(|| error.downcast_ref::<ConfigError>().map(Classify::class))
        .or_else(|| error.downcast_ref::<std_io::Error>().map(|error| io::from_kind(error.kind())));
    #[cfg(feature = "tokio")]
    let class = class.or_else(|| self::tokio::class(error));
    #[cfg(feature = "tower")]
    let class = class.or_else(|| self::tower::class(error));
    // An `io::Error` of kind other says nothing: what it carries may.
    class.filter(|class| class.kind != Kind::Unknown)
}

/// `error` as a `T`, also from inside an `io::Error` that carries one or an [`Error`] that wraps one. Its causes are
/// the caller's to walk: to walk them at each link too would take time exponential in the length of the chain.
pub(crate) fn downcast<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    iter::successors(Some(error), |error| {
        let carried = error.downcast_ref::<std_io::Error>().and_then(std_io::Error::get_ref);
        carried.map(|carried| carried as _).or_else(|| error.downcast_ref::<Error>()?.wrapped())
    })
    .take(MAX_DEPTH)
    .find_map(|error| error.downcast_ref())
}
