//! A circuit that makes its callers wait instead of refusing them.

mod layer;
mod service;
mod wait;

pub use layer::BackpressureLayer;
pub use service::BackpressureService;
pub(crate) use wait::until_open_to_calls;
