//! The tower layer that logs each call.

mod future;
mod layer;
mod logged_call;
mod running;
mod service;
mod streamed;
mod waiting;

pub use future::ResponseFuture;
pub use layer::LogLayer;
pub use service::LogService;
