//! The attempt timeout: innermost in a stack, limits one attempt.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::AttemptTimeoutLayer;
pub use service::AttemptTimeoutService;
