//! Foreign errors, translated once, at the bottom of the stack.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::{Foreign, Translate, TranslateLayer, translate};
pub use service::TranslateService;
