//! Requests that are not what they should be.

mod explain;
mod fault;
#[cfg(feature = "garde")]
mod garde;
mod json;
mod variant;

#[cfg(feature = "garde")]
pub use garde::{invalid, read_valid_json};
pub use json::read_json;
