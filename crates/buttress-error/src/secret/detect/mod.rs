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
mod scan;
mod scheme;
mod spans;
mod token;
mod url;

pub use detectors::{Detectors, redact};
