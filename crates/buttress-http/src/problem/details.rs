//! `ProblemDetails`: the members of a problem body.

use std::time::Duration;

use buttress_error::{Class, Delivery, Kind, RetryAdvice, Violation, WireError};

/// The members of the body of a failed response: those of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), and those from
/// which a client recreates the server's error.
///
/// A server creates it [from an error](Self::of), usually through [`Problem`](crate::Problem). A client gets it from
/// [`BadStatus::problem`](crate::BadStatus::problem). [`HttpLayer`](crate::HttpLayer) has already applied its kind, reason,
/// advice and violations to the error.
///
/// ```
/// use buttress_error::{Error, Handled, Kind};
/// use buttress_http::ProblemDetails;
///
/// let error = Error::new(Kind::NotFound, "SELECT ... returned no row").reason("NO_ORDER").public("no order 7");
/// let problem = ProblemDetails::of(&error, Handled::Yes);
/// assert_eq!(
///     problem.to_json(),
///     r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no order 7","kind":"not_found","reason":"NO_ORDER"}"#
/// );
/// assert_eq!(ProblemDetails::from_json(problem.to_json().as_bytes()), Some(problem));
/// ```
///
/// | member | holds |
/// |---|---|
/// | `type`, `title`, `status`, `detail`, `instance` | as in the RFC; `detail` is the error's public message |
/// | `kind`, `reason` | of the error |
/// | `retry`, `delivery` | advice that the kind does not imply (law 7 of the taxonomy) |
/// | `retry_after_ms` | the wait before a retry; the header `Retry-After` has it in seconds |
/// | `violations` | the fields of the request that are wrong: `field`, `reason`, `description` |
/// | `hints` | what the caller can do |
/// | `request_id` | the server's id of the request, as in its logs |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProblemDetails {
    /// A URI that names the type of problem.
    pub type_uri: Option<String>,
    /// The type as text.
    pub title: Option<String>,
    /// The status that the server sent; a proxy may have changed that of the response.
    pub status: Option<u16>,
    /// The public message of this occurrence.
    pub detail: Option<String>,
    /// A URI that names this occurrence.
    pub instance: Option<String>,
    /// The kind; `None` if the body has none, or an unknown one.
    pub kind: Option<Kind>,
    /// The reason.
    pub reason: Option<&'static str>,
    /// A received reason that [`intern_reason`](buttress_error::intern_reason) refuses because of its form or because there are
    /// too many, or one without a known kind. It becomes the attribute `code` of the error.
    pub code: Option<String>,
    /// The retry advice; `None` if the kind implies it.
    pub retry: Option<RetryAdvice>,
    /// The whole request was refused before any work was done, so it can be sent again whatever its method is.
    pub not_processed: bool,
    /// The wait before a retry, in whole milliseconds.
    pub retry_after: Option<Duration>,
    /// The fields of the request that are wrong.
    pub violations: Vec<Violation>,
    /// What the caller can do.
    pub hints: Vec<String>,
    /// The server's id of the request.
    pub request_id: Option<String>,
    /// The body is a gRPC status as JSON, which has no code for a throttle.
    pub(super) is_grpc: bool,
}

impl ProblemDetails {
    /// Returns the class of the error on the client's side, if the response's head alone has the class `head`. It is that of
    /// the body if the body has a kind (law 8 of the taxonomy). The longer of both waits counts, except that a header which
    /// only rounds the body's milliseconds up to a second does not. An exhausted head stays exhausted.
    #[must_use]
    pub fn class(&self, head: Class) -> Class {
        let class = match self.kind {
            Some(kind) => self.received(kind, head),
            None => head,
        };
        match self.wait(head.retry_after) {
            // A quota with a wait is a throttle, as in gRPC.
            Some(wait) if self.is_grpc => class.asked_to_wait(wait),
            Some(wait) => class.retry_after(wait),
            None => class,
        }
    }

    fn received(&self, kind: Kind, head: Class) -> Class {
        let mut sent = WireError::new(kind);
        sent.reason = self.reason;
        sent.retry = self.retry;
        if self.not_processed {
            sent.delivery = Delivery::NotProcessed;
        }
        let mut class = sent.to_class();
        if class.kind == head.kind {
            // The status may imply more: that it was not processed, or is neutral for a circuit breaker.
            class.breaker_effect = head.breaker_effect.or(class.breaker_effect);
            class.retry_once |= head.retry_once;
            if self.is_grpc {
                class.delivery = head.delivery;
            }
            // A profile may allow retries of a body that has no more information than a status 500.
            if self.retry.is_none() && !head.exhausted {
                class.retry = head.retry;
            }
        }
        if head.exhausted { class.retry(RetryAdvice::Never).exhausted() } else { class }
    }

    fn wait(&self, head: Option<Duration>) -> Option<Duration> {
        match (self.retry_after, head) {
            (Some(exact), Some(header)) if !self.is_grpc && is_rounded(exact, header) => Some(exact),
            (body, head) => body.max(head),
        }
    }
}

/// Returns `true` if `header` is `exact` rounded up to a second.
fn is_rounded(exact: Duration, header: Duration) -> bool {
    header.checked_sub(exact).is_some_and(|more| more < Duration::from_secs(1))
}
