//! `as_dyn`: an error as a field value with all of its details.

use std::error::Error;

/// Converts an error into a field value that keeps its kind, its causes and its notes.
///
/// `error = %err` logs only the message, and silently loses the rest. A `Box<dyn Error + Send + Sync>` needs no conversion:
/// `error = &*err`.
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
