//! `ProblemDetails`: what a problem body says.

use std::time::Duration;

use buttress_error::{Class, Delivery, Kind, Retry, Sent, Violation};

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
    pub retry: Option<Retry>,
    /// The whole request was refused before any work was done: whatever the method, it may be sent again.
    pub not_sent: bool,
    /// When to come back, in whole milliseconds.
    pub retry_after: Option<Duration>,
    /// The fields of the request that are wrong.
    pub violations: Vec<Violation>,
    /// What to do about it.
    pub hints: Vec<String>,
    /// The server's id of the request.
    pub request_id: Option<String>,
}

impl ProblemDetails {
    /// The class that the error has on the client's side, where the answer's head alone would have the class `head`: that
    /// of the body if it names a kind, as law 8 says. The wait that a header asks for counts where the body names none, and
    /// whoever has given up by the head has given up.
    #[must_use]
    pub fn class(&self, head: Class) -> Class {
        let Some(kind) = self.kind else { return head };
        let mut sent = Sent::new(kind);
        sent.reason = self.reason;
        sent.retry = self.retry;
        sent.retry_after = self.retry_after.or(head.retry_after);
        if self.not_sent {
            sent.delivery = Delivery::NotSent;
        }
        let class = sent.received();
        if head.exhausted {
            return class.retry(Retry::Never).exhausted();
        }
        // A profile may have allowed to repeat what says no more than a status 500 does.
        if self.retry.is_none() && class.kind == head.kind { class.retry(head.retry) } else { class }
    }
}
