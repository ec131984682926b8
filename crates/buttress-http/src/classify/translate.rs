//! `translate`: makes an `Error` of a client's error.

use std::error::Error as StdError;
use std::io;

use buttress_error::{BoxError, Error, links};

use super::reason::reason;

/// Makes an [`Error`] of a client's error, as [`HttpLayer`](crate::HttpLayer) does. It is for errors that come after the
/// call, while the body of a good response is read.
///
/// ```
/// # #[cfg(feature = "reqwest")]
/// async fn read(response: reqwest::Response) -> Result<String, buttress_error::Error> {
///     response.text().await.map_err(|error| buttress_http::translate(error))
/// }
/// ```
///
/// The message is the reason at the end of the client's chain of errors, such as `connection refused`, `name not resolved`
/// or `timed out`; the client's error is the cause. An [`Error`] stays as it is. If the [guard](crate::GuardedBody) of a body
/// has cut it, the result is the error of the guard.
///
/// An error of reqwest loses its URL, because query and user-info may be secret; scheme, host and path stay as a note.
/// An error with a class in Buttress (an [`Error`], a `Rejection`, an `io::Error`) keeps it. Any other error is
/// [`Kind::Unknown`](buttress_error::Kind::Unknown).
#[track_caller]
pub fn translate(error: impl Into<BoxError>) -> Error {
    let error = error.into();
    if let Some(error) = guard_error(&*error) {
        return error;
    }
    let reason = if error.is::<Error>() { None } else { reason(&*error) };
    let error = Error::from(error);
    match reason {
        Some(reason) => error.context(reason),
        None => error,
    }
}

/// Returns the error with which the guard of a body has cut it, if it is in the chain.
pub(crate) fn guard_error(error: &(dyn StdError + 'static)) -> Option<Error> {
    let timeout = |link: &(dyn StdError + 'static)| {
        let error =
            link.downcast_ref::<io::Error>().filter(|error| error.kind() == io::ErrorKind::TimedOut)?;
        error.get_ref()?.downcast_ref::<Error>().cloned()
    };
    links(error).find_map(timeout)
}
