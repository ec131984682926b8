//! Errors of invalid requests.

mod explain;
mod fault;
#[cfg(any(feature = "garde", feature = "serde_path_to_error"))]
mod field;
#[cfg(feature = "garde")]
mod garde;
mod json;
mod json_type;
#[cfg(feature = "serde_path_to_error")]
mod path;
mod variant;

#[cfg(feature = "garde")]
pub use garde::{invalid, read_valid_json};
pub use json::read_json;
#[cfg(feature = "serde_path_to_error")]
pub use path::invalid_at;
