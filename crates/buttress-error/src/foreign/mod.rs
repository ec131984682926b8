//! The classes of foreign error types.

mod bounded_text;
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

pub(crate) use chain::Origin;
pub use chain::{Chain, Finding, chain};
pub(crate) use dynamic::into_box;
pub(crate) use links::{carried, first_ours, itself, seen};
pub use links::{find, group_of, holds_details_of, links, ours};
pub use transport::Transport;

use crate::BoxError;
use crate::class::Class;
use crate::classify::{Classified, Classify};
use crate::config::ConfigError;
use crate::error::Error;
use crate::group::ErrorGroup;
use crate::kind::Kind;
use crate::rejection::Rejection;

/// Returns the class of an error of any type: that of the first link of its `source()` chain that is an [`Error`], a
/// [`Rejection`], a [`ConfigError`], or a foreign type that this crate supports: `std::io::Error`, and with the feature of
/// that name the errors of h2, hyper, hyper-util, redis, reqwest, serde_json, tokio, tonic and tower.
/// [`Kind::Unknown`] if there is none.
///
/// At most 64 [`links`] are visited, also behind a `Box` or an `Arc`, and inside an `io::Error`. An error that a
/// retry layer has exhausted stays exhausted below any other error. [`chain`] adds rules of your own before these.
#[must_use]
pub fn classify(error: &(dyn StdError + 'static)) -> Class {
    if let Some(error) = itself(error) {
        return error.classified();
    }
    for (depth, link) in links::links(error).enumerate() {
        // A public cause does not make the message above it public.
        if let Some(class) = own(link) {
            return class.public_if(depth == 0);
        }
        if let Some(class) = known(link) {
            return exhausted_by(class, first_ours(link)).public_if(depth == 0);
        }
    }
    Class::new(Kind::Unknown)
}

/// An error that a retry layer has exhausted stays exhausted, whatever its class.
fn exhausted_by(class: Class, ours: Option<&Error>) -> Class {
    if ours.is_some_and(|error| error.class().exhausted) { class.exhausted() } else { class }
}

/// Returns the class of a link whose type is one of this crate.
fn own(link: &(dyn StdError + 'static)) -> Option<Class> {
    (link.downcast_ref::<Error>().map(|error| *error.class()))
        .or_else(|| link.downcast_ref::<Rejection>().or_else(|| io::rejection(link)).map(Classify::class))
        .or_else(|| link.downcast_ref::<ConfigError>().map(Classify::class))
        .or_else(|| link.downcast_ref::<ErrorGroup>().map(Classify::class))
}

/// Returns the class of a link of a foreign type; none if the type has no class, such as an `io::Error` of kind other, whose
/// inner error may have one.
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

/// Returns `true` if the error itself, not a cause, is of a supported foreign type. Its class then comes from another
/// program or task.
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

/// Returns the error without secrets, and a note with the rest: the errors of reqwest show the URL.
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

/// Returns `true` if errors of this type must be [redacted].
pub(crate) fn has_secrets<E: 'static>() -> bool {
    let known: &[TypeId] = &[
        #[cfg(feature = "reqwest")]
        TypeId::of::<::reqwest::Error>(),
    ];
    known.contains(&TypeId::of::<E>())
}
