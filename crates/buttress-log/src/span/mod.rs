//! What spans keep for the lines inside them: their encoded fields and those of the spans around them.

mod per_layer;
mod store;
mod times;

pub(crate) use per_layer::LayerId;
pub(crate) use store::{RecordEpoch, SpanStore};
