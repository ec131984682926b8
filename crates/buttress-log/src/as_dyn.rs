//! `as_dyn`: an error as `tracing` takes it whole.

use std::error::Error;

/// The error as a value for a field that keeps it whole: its kind, its causes, its notes.
///
/// `error = %err` gives the message alone; the rest is lost without a word. A `Box<dyn Error + Send + Sync>` needs no
/// help: `error = &*err`.
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_log::as_dyn;
///
/// let logs = buttress_log::test::capture();
/// let err = Error::new(Kind::Timeout, "gateway did not answer");
/// tracing::error!(error = as_dyn(&err), "payment failed");
/// assert!(logs.assert_message("payment failed").get("error").unwrap().contains(r#""kind":"timeout""#));
/// ```
pub fn as_dyn<E: Error + 'static>(error: &E) -> &(dyn Error + 'static) {
    error
}
