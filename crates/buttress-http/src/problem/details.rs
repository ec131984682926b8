//! `ProblemDetails`: what a problem body says.

use std::time::Duration;

use buttress_error::{Class, Delivery, Kind, RetryAdvice, Violation, WireError};

/// What the body of a failed answer says: the members of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), and those by
/// which an error stays the same error on the other side.
///
/// A server makes it [of an error](Self::of), mostly by way of [`Problem`](crate::Problem). A client has it from
/// [`BadStatus::problem`](crate::BadStatus::problem); [`HttpLayer`](crate::HttpLayer) has read it by then, and the error's
/// kind, reason, advice and violations are what it says.
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
/// | `retry`, `delivery` | advice that the kind doesn't give by itself (law 7 of the taxonomy) |
/// | `retry_after_ms` | when to come back; the header `Retry-After` says it in seconds |
/// | `violations` | the fields of the request that are wrong: `field`, `reason`, `description` |
/// | `hints` | what to do about it |
/// | `request_id` | by which the people of the server find their log lines |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProblemDetails {
    /// A URI that names the type of problem.
    pub type_uri: Option<String>,
    /// The type in words.
    pub title: Option<String>,
    /// The status that the server answered with; a proxy may have changed that of the answer.
    pub status: Option<u16>,
    /// What happened this time, in words for clients.
    pub detail: Option<String>,
    /// A URI that names this occurrence.
    pub instance: Option<String>,
    /// The kind; none where the body says none that is known here.
    pub kind: Option<Kind>,
    /// The reason.
    pub reason: Option<&'static str>,
    /// A reason that is none here: it is not of the form that [`intern_reason`](buttress_error::intern_reason) takes, one
    /// too many, or beside a kind that is not known. Of what is received only, and told as the attribute `code` of the error.
    pub code: Option<String>,
    /// The retry advice; none where the client is to judge by the kind.
    pub retry: Option<RetryAdvice>,
    /// The whole request was refused before any work was done: whatever the method, it may be sent again.
    pub not_processed: bool,
    /// When to come back, in whole milliseconds.
    pub retry_after: Option<Duration>,
    /// The fields of the request that are wrong.
    pub violations: Vec<Violation>,
    /// What to do about it.
    pub hints: Vec<String>,
    /// The server's id of the request.
    pub request_id: Option<String>,
    /// It is a status of gRPC as JSON, whose codes have no word for a throttle.
    pub(super) is_grpc: bool,
}

impl ProblemDetails {
    /// Returns the class that the error has on the client's side, where the answer's head alone would have the class
    /// `head`: that of the body if it names a kind, as law 8 says. The longer of both waits counts, except that a header only
    /// rounds the body's own milliseconds up to a second. A head that was given up on stays so.
    #[must_use]
    pub fn class(&self, head: Class) -> Class {
        let class = match self.kind {
            Some(kind) => self.received(kind, head),
            None => head,
        };
        match self.wait(head.retry_after) {
            // A quota with a wait is a throttle, as in gRPC itself.
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
            // The head may say more: a status that was never processed, or says nothing about the dependency.
            class.breaker_effect = head.breaker_effect.or(class.breaker_effect);
            class.retry_once |= head.retry_once;
            if self.is_grpc {
                class.delivery = head.delivery;
            }
            // A profile may have allowed to retry what says no more than a status 500 does.
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

/// Is `header` the whole second after `exact`?
fn is_rounded(exact: Duration, header: Duration) -> bool {
    header.checked_sub(exact).is_some_and(|more| more < Duration::from_secs(1))
}
