//! A client's error, made ours.

use std::error::Error as StdError;
use std::io;

use buttress_error::{BoxError, Error};

use super::words::{chain, words};

/// Makes an [`Error`] of a client's error, as [`HttpLayer`](crate::HttpLayer) does with those it sees. For errors that
/// come after the layer is done: while the body of a good answer is read.
///
/// ```
/// # #[cfg(feature = "reqwest")]
/// async fn read(answer: reqwest::Response) -> Result<String, buttress_error::Error> {
///     answer.text().await.map_err(|error| buttress_http::translate(error))
/// }
/// ```
///
/// What clients bury in a chain becomes the message: `connection refused`, `name not resolved`, `timed out`. The client's
/// own error is its cause. One that is an [`Error`] stays as it is, and where a body was cut by its
/// [guard](crate::GuardedBody) it is what the guard said.
///
/// An error of reqwest's loses its URL, whose query or user-info may be secret; scheme, host and path stay as a note.
/// What is known to Buttress (an [`Error`], a `Rejection`, an `io::Error`) keeps its class; anything else is
/// [`Kind::Unknown`](buttress_error::Kind::Unknown).
#[track_caller]
pub fn translate(error: impl Into<BoxError>) -> Error {
    let error = error.into();
    if let Some(ours) = cut(&*error) {
        return ours;
    }
    let words = if error.is::<Error>() { None } else { words(&*error) };
    let error = Error::from(error);
    match words {
        Some(words) => error.context(words),
        None => error,
    }
}

/// What the guard of a body said when it cut it.
pub(crate) fn cut(error: &(dyn StdError + 'static)) -> Option<Error> {
    let timeout = |link: &(dyn StdError + 'static)| {
        let error =
            link.downcast_ref::<io::Error>().filter(|error| error.kind() == io::ErrorKind::TimedOut)?;
        error.get_ref()?.downcast_ref::<Error>().cloned()
    };
    chain(error).find_map(timeout)
}
