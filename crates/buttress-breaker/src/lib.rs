#![doc = include_str!("../README.md")]

mod breaker;
mod circuit;
mod counters;
pub mod fleet;
mod tower;

pub use breaker::Breaker;
pub use breaker::explain::BreakerExplain;
pub use breaker::guarded::GuardedBreaker;
pub use breaker::permit::Permit;
pub use breaker::subscription::Subscription;
pub use circuit::builder::BreakerBuilder;
pub use circuit::open_wait::OpenWait;
pub use circuit::probes::Probes;
pub use circuit::rule::{RateRule, TripRule, TripRules};
pub use circuit::slow_call::SlowCall;
pub use circuit::state::State;
pub use circuit::stats::{BreakerStats, WindowStats};
pub use circuit::window::Window;
pub use tower::backpressure::layer::BackpressureLayer;
pub use tower::backpressure::service::BackpressureService;
pub use tower::future::ResponseFuture;
pub use tower::keyed::breakers::KeyedBreakers;
pub use tower::keyed::builder::KeyedBreakersBuilder;
pub use tower::keyed::key::{ByKey, ByStr, FindBreaker};
pub use tower::keyed::layer::KeyedBreakerLayer;
pub use tower::keyed::service::KeyedBreakerService;
pub use tower::layer::BreakerLayer;
pub use tower::service::BreakerService;

pub use buttress_error::ConfigError;
pub use buttress_keyed::KeyedStats;
