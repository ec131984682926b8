//! `ByStatus`: classification of answers as a value that any layer takes.

use std::time::{Duration, SystemTime};

use buttress_context::has_idempotency_key;
use buttress_error::{
    ByKind, Class, Classified, Classifier, Error, Kind, RetryAdvice, RetrySummary, Verdict,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::grpc;
use crate::{ProblemDetails, ResponseHead, SHOULD_RETRY, retry_after};

/// The classifier of HTTP answers, with its defaults: [`ByStatus`].
#[must_use]
pub const fn http_classifier() -> ByStatus {
    ByStatus {
        profile: Profile::Strict,
        max_retry_after: ByStatus::MAX_RETRY_AFTER,
        traits: RequestTraits::UNKNOWN,
    }
}

/// How much a client reads into a status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A 500 is a bug of the other side and not retried, nor is an unknown 5xx. The default.
    #[default]
    Strict,
    /// As the SDKs of AWS and Google do: a 500 or an unknown 5xx is retried where the request is idempotent.
    Aws,
}

impl Profile {
    fn class(self, code: StatusCode, headers: &HeaderMap) -> Class {
        let class = match code {
            StatusCode::FORBIDDEN if asks_to_slow_down(headers) => Class::new(Kind::Throttled),
            _ => Class::of_http(code.as_u16()),
        };
        // An unknown 5xx is treated as a 500 is; 508 says that the request runs in a loop.
        let internal = class.kind == Kind::Internal && code != StatusCode::LOOP_DETECTED;
        if self == Self::Aws && internal { class.retry(RetryAdvice::Call) } else { class }
    }
}

/// Judges answers by status, and by `grpc-status` in gRPC; errors by their kind.
///
/// In most stacks nobody needs it: [`HttpLayer`](crate::HttpLayer) applies it at the bottom and makes bad statuses
/// errors. Hand it to every layer of a gateway that [passes statuses through](crate::HttpLayer::pass_bad_statuses):
///
/// ```
/// use buttress_error::{Classifier, Error, Kind};
///
/// let answer = http::Response::builder().status(503).body(()).unwrap();
/// let outcome: Result<_, Error> = Ok(answer);
/// let verdict = buttress_http::http_classifier().judge(&outcome);
/// assert!(verdict.is_failure());
/// assert_eq!(verdict.class().unwrap().kind, Kind::Unavailable);
/// ```
///
/// A 2xx is a success. So is a 304 to a conditional request and a 101 to one that asks for an upgrade; any other 1xx or
/// 3xx that gets this far is a [bad response](buttress_error::Kind::BadResponse), which a circuit breaker ignores.
/// [`Retry-After`](crate::retry_after) counts on 429, on every 5xx, and on 403, 409, 413, 423 and 425. A 409, 423 or 425 to a
/// request with an `Idempotency-Key` may mean that an earlier attempt is still running ([`Class::in_progress`]). A 403 that has one, or whose
/// rate-limit headers say that nothing is left, is a [throttle](buttress_error::Kind::Throttled). An answer with
/// [`SHOULD_RETRY`] `false` has been given up by somebody and is not repeated, whatever its status and its body say; only a
/// [remedy](buttress_error::Kind::Unauthenticated) is tried all the same. A retry layer that gives up on an answer puts that
/// header on it, for those to whom a gateway passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByStatus {
    profile: Profile,
    max_retry_after: Duration,
    traits: RequestTraits,
}

/// Lies beside an answer that is passed on, if the request's body waited for its caller when the answer came.
#[derive(Clone, Copy)]
pub(crate) struct AnsweredInStall;

/// The class of what ended a request whose own body waited for its caller: a timeout, the client's or the server's, was the
/// caller's.
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
    /// Without the request in hand the server is believed to answer what it was asked.
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
    /// The default of [`max_retry_after`](Self::max_retry_after): a day.
    pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// How much is read into a status. Default: [`Profile::Strict`].
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// The longest wait that a server may ask for. A longer one is cut to it. Default: a day, which is for readers of
    /// the error; a retry layer cuts the wait once more, by its own setting.
    #[must_use]
    pub const fn max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// The same, for answers to a request with these headers: it may speak gRPC, be conditional, ask for an upgrade,
    /// or carry an idempotency key.
    #[must_use]
    pub fn for_request(mut self, headers: &HeaderMap) -> Self {
        self.traits = RequestTraits::of(headers);
        self
    }

    pub(crate) const fn with_traits(mut self, traits: RequestTraits) -> Self {
        self.traits = traits;
        self
    }

    /// The class of an answer; none for a success.
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
        let is_stalled = head.extensions().is_some_and(|beside| beside.get::<AnsweredInStall>().is_some());
        let class = if is_stalled { stalled(class) } else { class };
        Some(heed(self.wait(class, code, headers), headers))
    }

    /// The class of an answer with these headers, whose head has the class `head`, and whose body says this.
    pub(crate) fn class_with_body(&self, head: Class, headers: &HeaderMap, body: &ProblemDetails) -> Class {
        let mut class = body.class(head);
        class.in_progress = head.in_progress;
        class.retry_after = class.retry_after.map(|wait| wait.min(self.max_retry_after));
        heed(class, headers)
    }

    fn is_good(&self, code: StatusCode) -> bool {
        code.is_success()
            || (code == StatusCode::NOT_MODIFIED && self.traits.condition)
            || (code == StatusCode::SWITCHING_PROTOCOLS && self.traits.upgrade)
    }

    fn wait(&self, class: Class, code: StatusCode, headers: &HeaderMap) -> Class {
        let wait = match class.retry_after {
            // A push-back of gRPC.
            Some(exact) => Some(exact.min(self.max_retry_after)),
            None if may_ask_to_wait(code) => retry_after(headers, SystemTime::now(), self.max_retry_after),
            None => None,
        };
        wait.map_or(class, |wait| class.retry_after(wait))
    }
}

/// Does `Retry-After` count beside this status? Besides those for which a standard defines it (429 and 503, 413), beside
/// every 5xx; beside 403, where it tells a rate limit from a missing right; and beside those that are over after a while.
fn may_ask_to_wait(code: StatusCode) -> bool {
    code.is_server_error() || matches!(code.as_u16(), 403 | 409 | 413 | 423 | 425 | 429)
}

/// Does a 403 stand for a rate limit? Some APIs answer so, with a time to wait or the quota that is left.
fn asks_to_slow_down(headers: &HeaderMap) -> bool {
    const LEFT: [&str; 3] = ["x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining"];
    let is_zero = |value: &HeaderValue| value.to_str().is_ok_and(|left| left.trim() == "0");
    headers.contains_key(header::RETRY_AFTER)
        || LEFT.iter().any(|name| headers.get(*name).is_some_and(is_zero))
}

/// What [`SHOULD_RETRY`] leaves of a class. Only what may be repeated as it is can be given up; a remedy changes it.
fn heed(class: Class, headers: &HeaderMap) -> Class {
    let said = headers.get_all(SHOULD_RETRY).iter().any(|said| said == "false");
    if said && class.retry == RetryAdvice::Call { class.exhausted() } else { class }
}

impl<Res: ResponseHead, E: Classified> Classifier<Res, E> for ByStatus {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        match outcome {
            Ok(answer) => self.class(answer).map_or_else(Verdict::success, Verdict::of),
            Err(error) => Verdict::of(error.into()),
        }
    }

    /// An answer bears the mark in its head: a gateway passes it on, and whoever asked the gateway must not repeat it.
    fn stamp(&self, outcome: &mut Result<Res, E>, effort: &RetrySummary) {
        ByKind.stamp(outcome, effort);
        if let Ok(answer) = outcome
            && effort.exhausted
            && let Some(headers) = answer.headers_mut()
        {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
    }

    fn keep(&self, outcome: &Result<Res, E>) -> Option<Error> {
        ByKind.keep(outcome)
    }
}
