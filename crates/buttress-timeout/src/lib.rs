#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allowance;
pub mod attempt;
pub mod deadline;
mod limit;
mod name;
mod refusal;
mod timer;

#[doc(inline)]
pub use attempt::{AttemptTimeoutLayer, AttemptTimeoutService};
pub use buttress_error::ConfigError;
#[doc(inline)]
pub use deadline::{DeadlineLayer, DeadlineService};
