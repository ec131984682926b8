#![doc = include_str!("../README.md")]

mod breaker;
mod config;
mod events;
mod future;
mod gate;
mod handle;
mod layer;
mod permit;
mod service;
mod state;
mod stats;
mod subscription;
mod sync;
mod window;

pub use breaker::Breaker;
pub use config::Builder;
pub use future::ResponseFuture;
pub use layer::BreakerLayer;
pub use permit::Permit;
pub use service::BreakerService;
pub use state::State;
pub use stats::{Stats, WindowStats};
pub use subscription::Subscription;
pub use window::Window;

pub use buttress_error::ConfigError;
