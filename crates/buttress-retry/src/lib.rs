#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod blocking;
mod budget;
mod earlier;
mod events;
mod function;
mod future;
mod kept;
mod layer;
mod nested;
mod operation;
mod overriding;
mod policy;
mod rare;
mod remedy;
mod repeat;
mod service;
mod settings;
mod spare;
mod sync;
mod tuning;

pub use backoff::{Backoff, Jitter};
pub use blocking::{BlockingRetry, retry_blocking};
pub use budget::{Budget, BudgetStats, RatioBudget, Reservation, TokenBudget};
pub use buttress_error::ConfigError;
pub use function::{RetryFuture, retry};
pub use future::ResponseFuture;
pub use layer::{LeakedRetry, LeakedRetryLayer, RetryLayer};
pub use overriding::RetryContext;
pub use policy::Policy;
pub use remedy::{On, Remedy, RemedyBuilder, RemedyStats, TokenSource, on};
pub use repeat::{ByTrait, Cloning, ReplayStrategy, ReplayWith};
pub use service::{Core, RetryService};
pub use settings::{PolicyBuilder, Progress};
