#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod events;
mod find;
mod future;
mod keyed;
mod layer;
mod limit;
mod meter;
mod permit;
mod quota;
mod quota_cell;
mod rate;
mod reservation;
mod service;
mod stats;
mod sync;
mod throttle;
mod weight;

pub use buttress_error::ConfigError;
pub use find::{ByKey, FindLimit};
pub use future::ResponseFuture;
pub use keyed::KeyedRateLimits;
pub use layer::RateLimitLayer;
pub use limit::RateLimit;
pub use permit::Permit;
pub use rate::Rate;
pub use reservation::Reservation;
pub use service::RateLimitService;
pub use stats::RateLimitStats;
pub use throttle::{DrainOnThrottle, NoDrain, ReadThrottle};
pub use weight::{ByWeight, OnePermit, Weigh};
