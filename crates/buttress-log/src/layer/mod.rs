//! The `tracing` layer: from an event to a line.

mod json_layer;
mod line;
mod output;

pub use json_layer::JsonLayer;
