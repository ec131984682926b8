//! The attempt timeout: innermost, one attempt each.

mod future;
mod layer;
mod service;

pub use future::AttemptTimeoutFuture;
pub use layer::AttemptTimeoutLayer;
pub use service::AttemptTimeoutService;
