//! The policy as a tower layer.

mod future;
mod layer;
mod replay;
mod service;
mod spare;

pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use replay::{ByTrait, Cloning, ReplayStrategy, ReplayWith};
pub use service::RetryService;
