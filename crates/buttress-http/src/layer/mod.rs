//! The bottom of a client stack.

mod asked;
mod excerpt;
mod future;
mod http_layer;
mod read;
mod service;
mod settings;

pub use future::ResponseFuture;
pub use http_layer::HttpLayer;
pub use service::HttpService;
