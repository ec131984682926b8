//! The links of a chain of errors, also those that `source()` passes over.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{io, iter};

use crate::config::ConfigError;
use crate::error::Error;
use crate::error::{MAX_DEPTH, walk};
use crate::group::ErrorGroup;
use crate::rejection::Rejection;

type Link = dyn StdError + 'static;

/// Iterates over the error and its causes, outermost first, at most 64 links.
///
/// The iterator visits three kinds of links that `source()` passes over: the error inside an `io::Error`, the error
/// behind an `Arc<dyn Error>`, and the `T` of a `Box<T>` or an `Arc<T>` of each type that [`classify`](crate::classify)
/// knows. Boxes and arcs may be nested. [`find`] looks for one type of link.
///
/// ```
/// use std::io;
/// use std::sync::Arc;
/// use buttress_error::links;
///
/// let shared = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
/// let error = io::Error::other(shared);
/// assert_eq!(links(&error).filter(|link| link.is::<io::Error>()).count(), 2);
/// ```
pub fn links<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    // No successors: those look for the link after one that may be the last that is asked for.
    let mut last = None;
    iter::from_fn(move || {
        last = last.map_or(Some(error), inside);
        last
    })
    .fuse()
    .take(MAX_DEPTH)
}

/// Returns the first value of type `T` among the error and its causes: as a `T`, a `Box<T>` or an `Arc<T>`, and also
/// inside of an [`Error`], an `io::Error` or a member of an [`ErrorGroup`]. The search visits at most 64 levels and 4096
/// links.
///
/// ```
/// use std::io;
/// use std::sync::Arc;
/// use buttress_error::{BoxError, find};
///
/// let error: BoxError = Arc::new(io::Error::from(io::ErrorKind::TimedOut)).into();
/// assert!(error.downcast_ref::<io::Error>().is_none());
/// assert!(find::<io::Error>(&*error).is_some());
/// ```
#[must_use]
pub fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    seen(error).or_else(|| walk(error).find_map(seen))
}

/// Returns the first [`Error`] among the error and its causes. A group speaks for itself: no member is returned.
pub(crate) fn first_ours(error: &Link) -> Option<&Error> {
    links(error).take_while(|link| !link.is::<ErrorGroup>()).find_map(|link| link.downcast_ref())
}

/// Returns the [`Error`] that this one link is, or only carries: message and causes are those of the `Error`.
#[must_use]
pub fn ours<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Error> {
    let mut link = error;
    loop {
        if let Some(error) = link.downcast_ref() {
            return Some(error);
        }
        link = carried(link)?;
    }
}

/// Returns the [`ErrorGroup`] that this one link is, or only carries.
#[must_use]
pub fn group_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e ErrorGroup> {
    let mut link = error;
    loop {
        if let Some(error) = link.downcast_ref::<Error>() {
            return error.group();
        }
        if let Some(group) = link.downcast_ref() {
            return Some(group);
        }
        link = carried(link)?;
    }
}

/// Returns `true` if `inner` lies in the error of another type that `outer` wraps, so that `outer` has its notes, too.
#[must_use]
pub fn holds_details_of(outer: &Error, inner: &Error) -> bool {
    outer.innermost_wrapped().and_then(first_ours).is_some_and(|error| std::ptr::eq(error, inner))
}

/// Returns the [`Error`] that this one link is, or holds behind pointers; not one in an `io::Error`, which has a kind of
/// its own.
pub(crate) fn itself(error: &Link) -> Option<&Error> {
    let mut link = error;
    loop {
        if let Some(error) = link.downcast_ref() {
            return Some(error);
        }
        if link.is::<io::Error>() {
            return None;
        }
        link = carried(link)?;
    }
}

/// The next link.
fn inside(error: &Link) -> Option<&Link> {
    carried(error).or_else(|| error.source())
}

/// Returns the `T` that this one link is, or that it holds as a `Box`, an `Arc` or a `'static` reference.
pub(crate) fn seen<T: StdError + 'static>(link: &Link) -> Option<&T> {
    link.downcast_ref().or_else(|| if is_pointer(link) { pointee(link) } else { None })
}

/// The error that this one only carries, with the same message: its own `source()` would pass over it.
pub(crate) fn carried(link: &Link) -> Option<&Link> {
    if let Some(error) = link.downcast_ref::<io::Error>() {
        return error.get_ref().map(|carried| carried as _);
    }
    if let Some(shared) = link.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
        return Some(&**shared);
    }
    if let Some(shared) = link.downcast_ref::<Arc<dyn StdError>>() {
        return Some(&**shared);
    }
    #[cfg(feature = "eyre")]
    if let Some(report) = link.downcast_ref::<super::dynamic::Report>() {
        return Some(super::dynamic::content(&report.0));
    }
    if is_pointer(link) && !link.is::<Error>() { known_pointee(link) } else { None }
}

/// Is it as large as a pointer? Most errors are not, so that they cost no search for what they may point to.
fn is_pointer(link: &Link) -> bool {
    size_of_val(link) == size_of::<usize>()
}

/// The `T` behind one pointer or two.
fn pointee<T: StdError + 'static>(link: &Link) -> Option<&T> {
    behind::<T>(link)
        .or_else(|| behind::<Box<T>>(link).map(|inner| &**inner))
        .or_else(|| behind::<Arc<T>>(link).map(|inner| &**inner))
}

fn behind<T: StdError + 'static>(link: &Link) -> Option<&T> {
    (link.downcast_ref::<Box<T>>().map(|inner| &**inner))
        .or_else(|| link.downcast_ref::<Arc<T>>().map(|inner| &**inner))
        .or_else(|| link.downcast_ref::<&'static T>().copied())
}

/// The error behind one pointer or two, where its type is one that [`classify`](crate::classify) knows.
#[cold]
fn known_pointee(link: &Link) -> Option<&Link> {
    macro_rules! first {
        ($($(#[$feature:meta])* $type:ty),+ $(,)?) => {
            $($(#[$feature])*
            if let Some(inner) = pointee::<$type>(link) {
                return Some(inner);
            })+
        };
    }
    first![
        Error,
        Rejection,
        ConfigError,
        ErrorGroup,
        io::Error,
        #[cfg(feature = "h2")]
        ::h2::Error,
        #[cfg(feature = "hyper")]
        ::hyper::Error,
        #[cfg(feature = "hyper-util")]
        ::hyper_util::client::legacy::Error,
        #[cfg(feature = "redis")]
        ::redis::RedisError,
        #[cfg(feature = "redis")]
        ::redis::ServerError,
        #[cfg(feature = "reqwest")]
        ::reqwest::Error,
        #[cfg(feature = "serde_json")]
        ::serde_json::Error,
        #[cfg(feature = "tokio")]
        ::tokio::task::JoinError,
        #[cfg(feature = "tokio")]
        ::tokio::time::error::Elapsed,
        #[cfg(feature = "tonic")]
        ::tonic::Status,
        #[cfg(feature = "tonic")]
        ::tonic::ConnectError,
        #[cfg(feature = "tonic")]
        ::tonic::TimeoutExpired,
        #[cfg(feature = "tower")]
        ::tower::buffer::error::Closed,
        #[cfg(feature = "tower")]
        ::tower::buffer::error::ServiceError,
        #[cfg(feature = "tower")]
        ::tower::load_shed::error::Overloaded,
        #[cfg(feature = "tower")]
        ::tower::timeout::error::Elapsed,
    ];
    (behind::<Arc<dyn StdError + Send + Sync>>(link).map(|shared| &**shared as &Link))
        .or_else(|| behind::<Arc<dyn StdError>>(link).map(|shared| &**shared as &Link))
}
