#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod classify;
#[cfg(feature = "client")]
mod client;

// A glob import, so that the derive can have the same name as the trait.
#[doc(no_inline)]
pub use classify::*;

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use client::{
    BreakerSetting, Client, ClientBuilder, ClientLayer, Explain, ResponseFuture, SettingsError, Stack, client,
};

pub use buttress_context as context;
#[doc(no_inline)]
pub use buttress_context::{Context, ContextLayer, TaskGroup, spawn};

pub use buttress_error as error;
#[doc(no_inline)]
pub use buttress_error::{
    BoxError, ByKind, ByResult, Chain, Class, Classifier, ConfigError, Error, ErrorGroup, Exit, Guarded,
    Kind, OptionExt, Rejection, RejectionReason, Result, ResultExt, TranslateLayer, Verdict, bail, bug,
    check, ensure,
};
#[cfg(feature = "derive")]
#[cfg_attr(docsrs, doc(cfg(feature = "derive")))]
pub use buttress_error_derive::ClassifyFacade as Classify;

#[cfg(feature = "breaker")]
pub use buttress_breaker as breaker;
#[cfg(feature = "breaker")]
#[doc(no_inline)]
pub use buttress_breaker::{Breaker, BreakerLayer};

/// [`buttress_http`] and the crate `http`, so that `http::Request` keeps its meaning after `use buttress::*`.
#[cfg(feature = "http")]
pub mod http {
    pub use ::http::*;
    #[doc(inline)]
    pub use buttress_http::*;
}
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use buttress_http::{Body, HttpLayer, Problem};

#[cfg(feature = "log")]
pub use buttress_log as log;
#[cfg(feature = "log")]
#[doc(no_inline)]
pub use buttress_log::LogLayer;

#[cfg(feature = "ratelimit")]
pub use buttress_ratelimit as ratelimit;
#[cfg(feature = "ratelimit")]
#[doc(no_inline)]
pub use buttress_ratelimit::{Rate, RateLimit, RateLimitLayer};

#[cfg(feature = "retry")]
pub use buttress_retry as retry;
#[cfg(feature = "retry")]
#[doc(no_inline)]
pub use buttress_retry::{
    Backoff, Budget, Jitter, Policy, Remedy, RetryContext, RetryLayer, TokenSource, on, retry, retry_blocking,
};

#[cfg(feature = "timeout")]
pub use buttress_timeout as timeout;
#[cfg(feature = "timeout")]
#[doc(no_inline)]
pub use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};

/// The traits, types and functions of everyday use. It contains no modules, so that `use buttress::prelude::*` hides no crate.
///
/// The extension traits are imported without their names, which anyhow, eyre and snafu use too.
///
/// ```
/// use buttress::prelude::*;
///
/// fn port(text: &str) -> Result<u16> {
///     text.parse::<u16>().translate().add_context("reading the port").note("PORT is set by the host")
/// }
///
/// assert_eq!(port("x").unwrap_err().to_string(), "reading the port");
/// ```
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::classify::*;
    #[cfg(feature = "derive")]
    #[doc(no_inline)]
    pub use buttress_error_derive::ClassifyFacade as Classify;

    #[doc(no_inline)]
    pub use buttress_error::{
        BoxError, Class, Error, Exit, Kind, OptionExt as _, Rejection, Result, ResultExt as _,
        TranslateLayer, bail, bug, ensure,
    };

    #[cfg(feature = "client")]
    #[doc(no_inline)]
    pub use crate::client::client;
    #[cfg(feature = "breaker")]
    #[doc(no_inline)]
    pub use buttress_breaker::{Breaker, BreakerLayer};
    #[cfg(feature = "http")]
    #[doc(no_inline)]
    pub use buttress_http::HttpLayer;
    #[cfg(feature = "log")]
    #[doc(no_inline)]
    pub use buttress_log::LogLayer;
    #[cfg(feature = "ratelimit")]
    #[doc(no_inline)]
    pub use buttress_ratelimit::RateLimitLayer;
    #[cfg(feature = "retry")]
    #[doc(no_inline)]
    pub use buttress_retry::{Policy, RetryLayer, retry};
    #[cfg(feature = "timeout")]
    #[doc(no_inline)]
    pub use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
}

/// Compiles the code blocks of the repository's README.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
