//! The `tracing` layer: from an event to a line.

mod json_layer;
mod line;

pub use json_layer::JsonLayer;
