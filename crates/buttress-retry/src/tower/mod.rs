//! The policy as a tower layer.

pub(crate) mod future;
mod layer;
pub(crate) mod replay;
pub(crate) mod service;
pub(crate) mod spare;

pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use replay::{ByTrait, Cloning, ReplayStrategy, ReplayWith};
pub use service::RetryService;
