//! The ready-made client stack.

mod builder;
mod explain;
mod late;
mod service;
mod stack;

pub use builder::{ClientBuilder, client};
pub use explain::Explain;
pub use service::{Client, ClientFuture};
pub use stack::{ClientLayer, Stack};
