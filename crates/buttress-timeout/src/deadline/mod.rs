//! The deadline: one for the whole call, outermost.

mod future;
mod layer;
mod service;

pub use future::DeadlineFuture;
pub use layer::DeadlineLayer;
pub use service::DeadlineService;
