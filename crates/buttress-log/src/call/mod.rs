//! The tower layer that logs each call.

mod events;
mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::LogLayer;
pub use service::LogService;
