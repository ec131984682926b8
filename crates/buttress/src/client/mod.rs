//! The ready-made client stack.

mod breaker;
mod builder;
mod explain;
mod send;
mod service;
mod settings_error;
mod stack;
mod wait_ready;

pub use breaker::BreakerSetting;
pub use builder::{ClientBuilder, client};
pub use explain::Explain;
pub use service::{Client, ResponseFuture};
pub use settings_error::SettingsError;
pub use stack::{ClientLayer, Stack};
