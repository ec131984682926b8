//! `ByStatus`: the classifier of responses.

use std::time::{Duration, SystemTime};

use buttress_context::has_idempotency_key;
use buttress_error::{
    ByKind, Class, Classified, Classifier, Error, Kind, RetryAdvice, RetrySummary, Verdict,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::grpc;
use crate::client::ResponseHead;
use crate::headers::SHOULD_RETRY;
use crate::problem::ProblemDetails;
use crate::retry_after::retry_after;

/// Creates the classifier of HTTP responses with its defaults.
#[must_use]
pub const fn http_classifier() -> ByStatus {
    ByStatus {
        profile: Profile::Strict,
        max_retry_after: ByStatus::MAX_RETRY_AFTER,
        traits: RequestTraits::UNKNOWN,
    }
}

/// The profile by which statuses are classified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A 500 is a bug of the server and is not retried, nor is an unknown 5xx. The default.
    #[default]
    Strict,
    /// A 500 or an unknown 5xx is retried if the request is idempotent, as the SDKs of AWS and Google do.
    Aws,
}

impl Profile {
    fn class(self, code: StatusCode, headers: &HeaderMap) -> Class {
        let class = match code {
            StatusCode::FORBIDDEN if is_rate_limited(headers) => Class::new(Kind::Throttled),
            _ => Class::of_http(code.as_u16()),
        };
        // An unknown 5xx is treated like a 500. A 508 means that the request runs in a loop.
        let internal = class.kind == Kind::Internal && code != StatusCode::LOOP_DETECTED;
        if self == Self::Aws && internal { class.retry(RetryAdvice::Call) } else { class }
    }
}

/// Judges responses by status, in gRPC by `grpc-status`, and errors by their kind.
///
/// Most stacks don't need it, since [`HttpLayer`](crate::HttpLayer) applies it at the bottom and makes errors of bad
/// statuses. A gateway that [passes bad statuses on](crate::HttpLayer::pass_bad_statuses) sets it as the classifier of every
/// layer:
///
/// ```
/// use buttress_error::{Classifier, Error, Kind};
///
/// let response = http::Response::builder().status(503).body(()).unwrap();
/// let outcome: Result<_, Error> = Ok(response);
/// let verdict = buttress_http::http_classifier().judge(&outcome);
/// assert!(verdict.is_failure());
/// assert_eq!(verdict.class().unwrap().kind, Kind::Unavailable);
/// ```
///
/// * A 2xx is a success. So is a 304 to a conditional request, and a 101 to a request for an upgrade. Any other 1xx or 3xx
///   is a [bad response](buttress_error::Kind::BadResponse), which a circuit breaker ignores.
/// * [`Retry-After`](crate::retry_after) counts on 429, on every 5xx, and on 403, 409, 413, 423 and 425.
/// * A 409, 423 or 425 to a request with an `Idempotency-Key` may mean that an earlier attempt is still running
///   ([`Class::in_progress`]).
/// * A 403 with `Retry-After`, or with rate-limit headers that say that nothing remains, is a
///   [throttle](buttress_error::Kind::Throttled).
/// * A response with [`SHOULD_RETRY`] `false` is exhausted and is not retried, whatever its status and body say. A
///   [remedy](buttress_error::Kind::Unauthenticated) is still tried. A retry layer that is exhausted sets the header on a
///   response that it returns, for the clients of a gateway that passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByStatus {
    profile: Profile,
    max_retry_after: Duration,
    traits: RequestTraits,
}

/// An extension of a response that came while the request's body waited for its caller.
#[derive(Clone, Copy)]
pub(crate) struct RespondedInStall;

/// Returns the class of a failure that came while the request's body waited for its caller: a timeout, of the client or the
/// server, is the caller's failure.
pub(crate) fn stalled(class: Class) -> Class {
    match class.kind {
        Kind::Timeout | Kind::DeadlineExceeded => Class::new(Kind::Cancelled),
        _ => class,
    }
}

/// The properties of a request that change the meaning of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestTraits {
    grpc: bool,
    condition: bool,
    upgrade: bool,
    key: bool,
}

impl RequestTraits {
    /// Without its request, a response is assumed to be one that the request allows.
    const UNKNOWN: Self = Self { grpc: false, condition: true, upgrade: true, key: true };

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self {
            grpc: grpc::is_grpc(headers),
            condition: headers.contains_key(header::IF_NONE_MATCH)
                || headers.contains_key(header::IF_MODIFIED_SINCE),
            upgrade: headers.contains_key(header::UPGRADE),
            key: has_idempotency_key(headers),
        }
    }

    /// Marks the class of a status that may say that the request's idempotency key is in use.
    const fn in_progress(self, code: StatusCode, class: Class) -> Class {
        match code {
            StatusCode::CONFLICT | StatusCode::LOCKED | StatusCode::TOO_EARLY if self.key => {
                class.in_progress()
            }
            _ => class,
        }
    }
}

impl ByStatus {
    /// The default of [`max_retry_after`](Self::max_retry_after): one day.
    pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// Sets the profile by which statuses are classified. Default: [`Profile::Strict`].
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets the longest wait that a server can ask for; a longer one is cut to it. Default: one day. A retry layer applies its
    /// own, shorter limit.
    #[must_use]
    pub const fn max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// Returns the classifier for responses to a request with these headers, which say whether it is gRPC, is conditional,
    /// asks for an upgrade, or has an idempotency key.
    #[must_use]
    pub fn for_request(mut self, headers: &HeaderMap) -> Self {
        self.traits = RequestTraits::of(headers);
        self
    }

    pub(crate) const fn with_traits(mut self, traits: RequestTraits) -> Self {
        self.traits = traits;
        self
    }

    /// Returns the class of a response; `None` for a success.
    #[must_use]
    pub fn class(&self, head: &impl ResponseHead) -> Option<Class> {
        let (code, headers) = (head.status(), head.headers());
        let class = if self.traits.grpc || grpc::is_grpc(headers) {
            grpc::class(code, headers)?
        } else if self.is_good(code) {
            return None;
        } else {
            self.traits.in_progress(code, self.profile.class(code, headers))
        };
        let is_stalled =
            head.extensions().is_some_and(|extensions| extensions.get::<RespondedInStall>().is_some());
        let class = if is_stalled { stalled(class) } else { class };
        Some(apply_should_retry(self.with_wait(class, code, headers), headers))
    }

    /// Returns the class of a response with these headers and this body, whose head alone has the class `head`.
    pub(crate) fn class_with_body(&self, head: Class, headers: &HeaderMap, body: &ProblemDetails) -> Class {
        let mut class = body.class(head);
        class.in_progress = head.in_progress;
        class.retry_after = class.retry_after.map(|wait| wait.min(self.max_retry_after));
        apply_should_retry(class, headers)
    }

    fn is_good(&self, code: StatusCode) -> bool {
        code.is_success()
            || (code == StatusCode::NOT_MODIFIED && self.traits.condition)
            || (code == StatusCode::SWITCHING_PROTOCOLS && self.traits.upgrade)
    }

    fn with_wait(&self, class: Class, code: StatusCode, headers: &HeaderMap) -> Class {
        let wait = match class.retry_after {
            // A pushback of gRPC.
            Some(exact) => Some(exact.min(self.max_retry_after)),
            None if allows_retry_after(code) => retry_after(headers, SystemTime::now(), self.max_retry_after),
            None => None,
        };
        wait.map_or(class, |wait| class.retry_after(wait))
    }
}

/// Returns `true` if `Retry-After` counts with this status. A standard defines it for 413, 429 and 503. It counts with every
/// 5xx too, with 403, where it distinguishes a rate limit from a missing permission, and with statuses that pass with time.
fn allows_retry_after(code: StatusCode) -> bool {
    code.is_server_error() || matches!(code.as_u16(), 403 | 409 | 413 | 423 | 425 | 429)
}

/// Returns `true` if a 403 is a rate limit: some APIs respond so, with a wait or with the remaining quota.
fn is_rate_limited(headers: &HeaderMap) -> bool {
    const REMAINING: [&str; 3] = ["x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining"];
    let is_zero = |value: &HeaderValue| value.to_str().is_ok_and(|remaining| remaining.trim() == "0");
    headers.contains_key(header::RETRY_AFTER)
        || REMAINING.iter().any(|name| headers.get(*name).is_some_and(is_zero))
}

/// Marks a class as exhausted if [`SHOULD_RETRY`] is `false`. It stops only retries of the same request; a remedy changes it.
fn apply_should_retry(class: Class, headers: &HeaderMap) -> Class {
    let is_exhausted = headers.get_all(SHOULD_RETRY).iter().any(|value| value == "false");
    if is_exhausted && class.retry == RetryAdvice::Call { class.exhausted() } else { class }
}

impl<Res: ResponseHead, E: Classified> Classifier<Res, E> for ByStatus {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        match outcome {
            Ok(response) => self.class(response).map_or_else(Verdict::success, Verdict::of),
            Err(error) => Verdict::of(error.into()),
        }
    }

    /// Marks a response in its head: the client of a gateway that passes it on must not retry.
    fn stamp(&self, outcome: &mut Result<Res, E>, summary: &RetrySummary) {
        ByKind.stamp(outcome, summary);
        if let Ok(response) = outcome
            && summary.exhausted
            && let Some(headers) = response.headers_mut()
        {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
    }

    fn keep(&self, outcome: &Result<Res, E>) -> Option<Error> {
        ByKind.keep(outcome)
    }
}
