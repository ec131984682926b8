//! The classes of error types that are not ours.

mod chain;
mod dynamic;
mod grpc;
#[cfg(feature = "h2")]
mod h2;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "hyper-util")]
mod hyper_util;
mod io;
mod links;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "reqwest")]
mod reqwest;
mod retry_info;
#[cfg(feature = "serde_json")]
mod serde_json;
mod shown;
mod status;
mod tls;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(feature = "tonic")]
mod tonic;
#[cfg(feature = "tower")]
mod tower;
mod transport;
#[cfg(feature = "hyper")]
mod wire;

use std::any::TypeId;
use std::error::Error as StdError;

pub(crate) use chain::Whose;
pub use chain::{Chain, Finding, chain};
pub(crate) use dynamic::into_box;
pub(crate) use links::{carried, first_ours, itself, seen};
pub use links::{find, holds_details_of, links, ours};
pub use transport::Transport;

use crate::{BoxError, Class, Classified, Classify, ConfigError, Error, ErrorGroup, Kind, Rejection};

/// The class of an error of any type: of the first link of its `source()` chain that is an [`Error`], a
/// [`Rejection`], a [`ConfigError`], or a foreign type that this crate knows: `std::io::Error`, and with the feature of
/// that name the errors of h2, hyper, hyper-util, redis, reqwest, serde_json, tokio, tonic and tower.
/// [`Kind::Unknown`] where there is none.
///
/// At most 64 [`links`] are visited, also behind a `Box` or an `Arc`, and inside of an `io::Error`. An error that a
/// retry layer has given up on keeps that mark below any other. [`chain`] takes rules of your own before these.
#[must_use]
pub fn classify(error: &(dyn StdError + 'static)) -> Class {
    if let Some(error) = itself(error) {
        return error.classified();
    }
    for (depth, link) in links::links(error).enumerate() {
        // What a cause allows of its own message says nothing of the one above it.
        if let Some(class) = own(link) {
            return class.public_if(depth == 0);
        }
        if let Some(class) = known(link) {
            return exhausted_by(class, first_ours(link)).public_if(depth == 0);
        }
    }
    Class::new(Kind::Unknown)
}

/// An error that a retry layer has given up on stays given up, however little else is known of it.
fn exhausted_by(class: Class, ours: Option<&Error>) -> Class {
    if ours.is_some_and(|error| error.class().exhausted) { class.exhausted() } else { class }
}

/// The class of one link that is of a type of this crate.
fn own(link: &(dyn StdError + 'static)) -> Option<Class> {
    (link.downcast_ref::<Error>().map(|error| *error.class()))
        .or_else(|| link.downcast_ref::<Rejection>().or_else(|| io::rejection(link)).map(Classify::class))
        .or_else(|| link.downcast_ref::<ConfigError>().map(Classify::class))
        .or_else(|| link.downcast_ref::<ErrorGroup>().map(Classify::class))
}

/// The class of one link that is of a foreign type; none where that type says nothing, as an `io::Error` of kind other:
/// what it carries may.
fn known(link: &(dyn StdError + 'static)) -> Option<Class> {
    let class = io::class(link);
    #[cfg(feature = "h2")]
    let class = class.or_else(|| self::h2::class(link));
    #[cfg(feature = "hyper")]
    let class = class.or_else(|| self::hyper::class(link));
    #[cfg(feature = "hyper-util")]
    let class = class.or_else(|| self::hyper_util::class(link));
    #[cfg(feature = "redis")]
    let class = class.or_else(|| self::redis::class(link));
    #[cfg(feature = "reqwest")]
    let class = class.or_else(|| self::reqwest::class(link));
    #[cfg(feature = "serde_json")]
    let class = class.or_else(|| self::serde_json::class(link));
    #[cfg(feature = "tokio")]
    let class = class.or_else(|| self::tokio::class(link));
    #[cfg(feature = "tonic")]
    let class = class.or_else(|| self::tonic::class(link));
    #[cfg(feature = "tower")]
    let class = class.or_else(|| self::tower::class(link));
    class.filter(|class| class.kind != Kind::Unknown)
}

/// Is the error itself, not a cause of it, of a foreign type that is known? Its class is then the word of another
/// program, or of a task.
pub(crate) fn is_known(error: &(dyn StdError + 'static)) -> bool {
    let mut link = Some(error);
    while let Some(error) = link {
        if known(error).is_some() {
            return true;
        }
        link = carried(error);
    }
    false
}

/// What may be kept of an error, and a note that tells the rest: reqwest's show the secrets of a URL.
pub(crate) fn redacted(error: BoxError) -> (BoxError, Option<String>) {
    #[cfg(feature = "reqwest")]
    let error = match error.downcast() {
        Ok(error) => return self::reqwest::redacted(*error),
        Err(error) => error,
    };
    #[cfg(feature = "reqwest")]
    let error = match error.downcast::<Box<::reqwest::Error>>() {
        Ok(error) => return self::reqwest::redacted(**error),
        Err(error) => error,
    };
    (error, None)
}

/// Are errors of this type kept only [redacted]?
pub(crate) fn is_telling<E: 'static>() -> bool {
    let known: &[TypeId] = &[
        #[cfg(feature = "reqwest")]
        TypeId::of::<::reqwest::Error>(),
    ];
    known.contains(&TypeId::of::<E>())
}
