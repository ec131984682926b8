#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod budget;
mod events;
mod function;
mod future;
mod layer;
mod operation;
mod policy;
mod repeat;
mod service;

pub use backoff::{Backoff, Jitter};
pub use budget::{Budget, RatioBudget, Reservation, TokenBudget};
pub use buttress_error::ConfigError;
pub use function::{RetryFuture, retry};
pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use policy::{Policy, PolicyBuilder};
pub use repeat::{ByTrait, Cloning, Repeat, RepeatWith};
pub use service::Retry;
