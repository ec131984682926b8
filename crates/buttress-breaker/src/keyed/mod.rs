//! One breaker for each key.

mod breakers;
mod builder;
mod key;
mod layer;
mod name;
mod service;

pub use breakers::KeyedBreakers;
pub use builder::KeyedBreakersBuilder;
pub use key::{ByKey, ByStr, FindBreaker};
pub use layer::KeyedBreakerLayer;
pub use service::KeyedBreakerService;
