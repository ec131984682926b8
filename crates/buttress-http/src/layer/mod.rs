//! The bottom of a client stack.

mod bad_response;
mod body_prefix;
mod excerpt;
mod http_layer;
mod request_line;
mod response_future;
mod service;
mod settings;

pub use http_layer::HttpLayer;
pub use response_future::ResponseFuture;
pub use service::HttpService;
