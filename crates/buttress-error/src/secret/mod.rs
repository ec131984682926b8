//! What is secret: fields by their names, and parts of texts by their form.

mod detect;
mod name;
mod split;
mod vocabulary;

pub use detect::{Detectors, redact};
pub(crate) use name::is_secret_value;
pub use name::{is_secret, is_secret_number};
