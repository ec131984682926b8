#![doc = include_str!("../README.md")]

mod admitted;
mod backpressure;
mod breaker;
mod config;
mod events;
mod explain;
pub mod fleet;
mod future;
mod gate;
mod guarded;
mod handle;
mod keyed;
mod layer;
mod permit;
mod rule;
mod service;
mod settings;
mod shards;
mod shut;
mod slot;
mod state;
mod stats;
mod subscription;
mod sync;
mod threshold;
mod waiting;
mod window;

pub use backpressure::{BackpressureLayer, BackpressureService};
pub use breaker::Breaker;
pub use config::BreakerBuilder;
pub use explain::Explain;
pub use future::ResponseFuture;
pub use guarded::GuardedBreaker;
pub use keyed::{
    ByKey, ByStr, FindBreaker, KeyedBreakerLayer, KeyedBreakerService, KeyedBreakers, KeyedBreakersBuilder,
};
pub use layer::BreakerLayer;
pub use permit::Permit;
pub use rule::{RateRule, TripRule, TripRules};
pub use service::BreakerService;
pub use state::State;
pub use stats::{BreakerStats, WindowStats};
pub use subscription::Subscription;
pub use window::Window;

pub use buttress_error::ConfigError;
pub use buttress_keyed::KeyedStats;
