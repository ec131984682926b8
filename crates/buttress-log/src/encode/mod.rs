//! The parts of a line as JSON: names, values, errors, the time. Knows no span and no writer.

pub(crate) mod buffers;
pub(crate) mod callsite;
pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod fields;
#[cfg(feature = "log")]
pub(crate) mod log_record;
pub(crate) mod name;
#[cfg(feature = "serde")]
pub(crate) mod nested;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
pub(crate) mod own_record;
mod source_file;
pub(crate) mod timestamp;
pub(crate) mod value;
