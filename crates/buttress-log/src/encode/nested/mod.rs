//! Nested values: from `Serialize` to JSON in a line.

mod key;
mod offer;
mod redact;
mod serializer;

pub(crate) use offer::{debug, write};
