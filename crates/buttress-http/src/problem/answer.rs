//! `Problem`: an error as an answer.

use buttress_error::{Error, Handled, RetryAdvice};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::{MEDIA_TYPE, ProblemDetails};
use crate::SHOULD_RETRY;

/// What a handler returns where it fails: `?` takes every classified error, and the client gets an answer of the right
/// status, as `application/problem+json` with kind, reason and field violations. What is not public stays inside.
///
/// With feature `axum` it is an `IntoResponse`:
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
/// let answer: http::Response<String> = problem.to_response();
/// assert_eq!(answer.status(), 404);
/// assert_eq!(
///     answer.body(),
///     r#"{"type":"about:blank","title":"Not Found","status":404,"kind":"not_found"}"#
/// );
/// # }
/// ```
///
/// What a dependency blames on its caller is our bug and not our client's: such an error, of
/// [`HttpLayer`](crate::HttpLayer) or `TranslateLayer`, is answered as 500 unless somebody reclassified it.
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
    /// Says how far the request got. A layer that refuses it before the handler says [`Handled::No`]: an error that was
    /// never sent then tells the client that it may send the request again. Default: [`Handled::Yes`].
    #[must_use]
    pub const fn handled(mut self, handled: Handled) -> Self {
        self.handled = handled;
        self
    }

    /// The error, with all that the client doesn't see.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.error
    }

    /// The error.
    #[must_use]
    pub fn into_error(self) -> Error {
        self.error
    }

    /// What the client sees.
    #[must_use]
    pub fn details(&self) -> ProblemDetails {
        ProblemDetails::of(&self.error, self.handled)
    }

    /// The answer, with `Retry-After` where there is something to wait for, and with [`SHOULD_RETRY`] where nobody should
    /// repeat the request. The error goes along among its extensions, for
    /// a layer that logs it; those are not sent.
    #[must_use]
    pub fn to_response<B: From<String>>(&self) -> Response<B> {
        let details = self.details();
        let mut answer = Response::new(B::from(details.to_json()));
        let status = details.status.and_then(|status| StatusCode::from_u16(status).ok());
        *answer.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = details.retry_after {
            let seconds = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if details.retry == Some(RetryAdvice::Never) {
            // For those who don't see the body: it answers a HEAD, is too long, or is passed on by a gateway.
            answer.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        answer.extensions_mut().insert(self.error.clone());
        answer
    }
}
