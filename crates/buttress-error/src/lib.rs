#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod axes;
mod check;
mod class;
mod classifier;
mod classify;
mod config;
mod effort;
mod error;
mod ext;
mod foreign;
mod kind;
#[cfg(doctest)]
mod misuse;
mod rejection;
mod table;
mod translate;
mod verdict;

pub use axes::{Breaker, Delivery, Fault, Level, Retry};
#[cfg(feature = "derive")]
#[cfg_attr(docsrs, doc(cfg(feature = "derive")))]
pub use buttress_error_derive::Classify;
pub use check::check;
pub use class::Class;
pub use classifier::{ByKind, Classifier};
pub use classify::{Classified, Classify};
pub use config::ConfigError;
pub use effort::{Effort, Stop, Try};
pub use error::Error;
pub use ext::ResultExt;
pub use foreign::classify;
pub use kind::Kind;
pub use rejection::{Cause, Rejection, Rule, Trip, Why};
pub use translate::{Foreign, ResponseFuture, Translate, TranslateLayer, TranslateService};
pub use verdict::Verdict;

/// What tower calls an error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
