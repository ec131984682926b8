//! What is secret: fields by their names, and parts of texts by their form.

mod detect;
mod fingerprint;
mod name;
mod split;
mod vocabulary;
mod wrapper;

#[doc(hidden)]
pub use detect::may_hold_secret;
pub use detect::{Detectors, redact};
pub use fingerprint::{Fingerprint, FingerprintKey};
#[doc(hidden)]
pub use name::is_connection;
pub(crate) use name::is_secret_value;
pub use name::{is_secret, is_secret_number};
pub use wrapper::Secret;
