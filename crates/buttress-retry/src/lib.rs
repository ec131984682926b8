#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod blocking;
mod budget;
mod events;
mod function;
mod policy;
mod remedy;
mod sync;
mod tower;

pub use blocking::{BlockingRetry, retry_blocking};
pub use budget::{Budget, BudgetStats, RatioBudget, Reservation, TokenBudget};
pub use buttress_error::ConfigError;
pub use function::{RetryFuture, retry};
pub use policy::{Backoff, Jitter, Policy, PolicyBuilder, Progress, RetryContext};
pub use remedy::{Remedy, RemedyBuilder, RemedyCondition, RemedyStats, TokenSource, on};
pub use tower::{ByTrait, Cloning, ReplayStrategy, ReplayWith, ResponseFuture, RetryLayer, RetryService};
