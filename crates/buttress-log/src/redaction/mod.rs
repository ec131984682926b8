//! Redaction: what of a line is not shown.

mod builder;
mod error;
mod glob;
mod pattern;
mod redactor;
mod settings;

pub use builder::RedactionBuilder;
pub use error::RedactionError;
pub(crate) use redactor::{Redactor, Showing};
pub use settings::Redaction;
