#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod axes;
mod check;
mod class;
mod classifier;
mod classify;
mod completion;
mod config;
mod contain;
mod edge;
mod error;
mod exit;
mod ext;
mod foreign;
mod group;
mod guarded;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide.md")]
pub mod guide {}
/// How layers share their state with their services and response futures: for authors of layers.
pub mod handle;
mod kind;
#[cfg(feature = "serde")]
mod machine;
mod macros;
mod millis;
#[cfg(doctest)]
mod misuse;
#[cfg(feature = "serde")]
mod outcome;
mod reason;
mod rejection;
mod retry_summary;
mod safe;
mod secret;
mod table;
mod translate;
mod value;
mod verdict;
mod violation;

pub use axes::{BreakerEffect, Delivery, Fault, Level, RetryAdvice};
#[cfg(feature = "derive")]
#[cfg_attr(docsrs, doc(cfg(feature = "derive")))]
pub use buttress_error_derive::Classify;
pub use check::check;
pub use class::Class;
pub use classifier::{ByKind, ByResult, Classifier};
pub use classify::{Classified, Classify};
pub use completion::{Completion, CompletionObserver};
pub use config::ConfigError;
pub use edge::{Handled, WireError};
pub use error::{Error, ErrorReport, verbatim};
pub use exit::{Exit, ExitProfile};
pub use ext::{OptionExt, ResultExt};
pub use foreign::{Chain, Finding, Transport, chain, classify, find, links};
pub use group::ErrorGroup;
pub use guarded::{Guarded, IntoGuarded};
pub use kind::Kind;
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
pub use outcome::{Failure, Outcome};
pub use reason::{intern_reason, register_reasons};
pub use rejection::{Cause, Rejection, RejectionReason, Trip, TripReason};
pub use retry_summary::{FailedAttempt, RetrySummary, StopReason};
pub use safe::Safe;
pub use secret::{Detectors, Fingerprint, FingerprintKey, Secret, is_secret, is_secret_number, redact};
pub use translate::{Foreign, ResponseFuture, Translate, TranslateLayer, TranslateService, translate};
pub use value::Value;
pub use verdict::Verdict;
pub use violation::Violation;

#[doc(hidden)]
pub mod __private {
    pub use crate::foreign::{group_of, holds_details_of, ours};
    pub use crate::macros::text;
    pub use crate::millis::millis;
    pub use crate::secret::{is_connection, may_hold_secret};
}

/// What tower calls an error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
