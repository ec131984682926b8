//! `Problem`: an error as a response.

use buttress_error::{Error, Handled, RetryAdvice};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::MEDIA_TYPE;
use super::details::ProblemDetails;
use crate::headers::SHOULD_RETRY;

/// The error type of a handler: `?` converts every classified error, and the client gets a response with the right status, as
/// `application/problem+json` with kind, reason and field violations. Parts of the error that are not public are not sent.
///
/// With feature `axum` it implements `IntoResponse`:
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_http::Problem;
///
/// async fn order(id: u64) -> Result<String, Problem> {
///     let text = std::fs::read_to_string(format!("/no/such/orders/{id}"))?;
///     if text.is_empty() {
///         return Err(Error::new(Kind::FailedPrecondition, "empty file").public("order is not ready").into());
///     }
///     Ok(text)
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let problem = order(7).await.unwrap_err();
/// let response: http::Response<String> = problem.to_response();
/// assert_eq!(response.status(), 404);
/// assert_eq!(
///     response.body(),
///     r#"{"type":"about:blank","title":"Not Found","status":404,"kind":"not_found"}"#
/// );
/// # }
/// ```
///
/// An error that a dependency blames on its caller is a bug of this server, not of its client. Such an error of
/// [`HttpLayer`](crate::HttpLayer) or `TranslateLayer` becomes a 500 unless it is reclassified.
#[derive(Clone, Debug)]
pub struct Problem {
    error: Error,
    handled: Handled,
}

impl<E> From<E> for Problem
where
    Error: From<E>,
{
    #[track_caller]
    fn from(error: E) -> Self {
        Self { error: Error::from(error), handled: Handled::Yes }
    }
}

impl Problem {
    /// Sets whether the request reached the handler. A layer that refuses it earlier sets [`Handled::No`], so that an error
    /// that was not processed informs the client that it may send the request again. Default: [`Handled::Yes`].
    #[must_use]
    pub const fn handled(mut self, handled: Handled) -> Self {
        self.handled = handled;
        self
    }

    /// Returns the error, including the parts that the client does not see.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.error
    }

    /// Unwraps the error.
    #[must_use]
    pub fn into_error(self) -> Error {
        self.error
    }

    /// Returns the parts of the error that the client sees.
    #[must_use]
    pub fn details(&self) -> ProblemDetails {
        ProblemDetails::of(&self.error, self.handled)
    }

    /// Creates the response, with `Retry-After` if the error has a wait, and with [`SHOULD_RETRY`] if the request must not be
    /// retried. The extensions, which are not sent, contain the error for a layer that logs it.
    #[must_use]
    pub fn to_response<B: From<String>>(&self) -> Response<B> {
        let details = self.details();
        let mut response = Response::new(B::from(details.to_json()));
        let status = details.status.and_then(|status| StatusCode::from_u16(status).ok());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = details.retry_after {
            let seconds = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if details.retry == Some(RetryAdvice::Never) {
            // Not every reader sees the body: it may respond to a HEAD, be too long, or pass through a gateway.
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response.extensions_mut().insert(self.error.clone());
        response
    }
}
