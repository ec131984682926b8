//! The deadline: outermost in a stack, limits the whole call.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::DeadlineLayer;
pub use service::DeadlineService;
