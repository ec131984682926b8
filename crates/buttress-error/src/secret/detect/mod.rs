//! Finds secrets in texts by their form.

mod again;
mod assignment;
mod base64;
mod bytes;
mod card;
mod detectors;
mod header;
mod jwt;
mod pem;
mod personal;
mod placeholder;
mod quick;
mod scan;
mod scheme;
mod spans;
mod token;
mod url;

pub(crate) use detectors::MARK;
pub use detectors::{Detectors, redact};
pub use quick::may_hold_secret;
