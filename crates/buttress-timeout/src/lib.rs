#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allowance;
mod attempt;
mod deadline;
mod name;
mod refusal;
mod setting;
mod timer;

pub use attempt::{AttemptTimeoutFuture, AttemptTimeoutLayer, AttemptTimeoutService};
pub use buttress_error::ConfigError;
pub use deadline::{DeadlineFuture, DeadlineLayer, DeadlineService};
