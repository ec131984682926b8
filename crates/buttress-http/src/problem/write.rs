//! Writes an error as a problem.

use std::time::Duration;

use buttress_context::Context;
use buttress_error::__private::millis;
use buttress_error::{Delivery, Error, Handled, Kind, RetryAdvice, redact};
use http::StatusCode;
use serde::Serialize;

use super::details::ProblemDetails;
use super::plain;

impl ProblemDetails {
    /// The maximum length of a body, which is the part that clients read. The last violations and hints are left out if they
    /// do not fit.
    pub const MAX: usize = 8 * 1024;

    /// Creates the details that a server sends of `error`: only the [safe](Error::safe) parts. [Secrets](redact) in their texts
    /// are shown as `[redacted]`. `handled` says whether the
    /// request reached the handler. The request id is that of the [`Context`], if there is one.
    #[must_use]
    pub fn of(error: &Error, handled: Handled) -> Self {
        let (safe, sent) = (error.safe(), error.class().to_wire(handled));
        let status = safe.class().http.filter(|status| (400..=599).contains(status));
        let status = status.unwrap_or(safe.kind().http());
        let phrase = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut problem = Self {
            type_uri: Some("about:blank".to_owned()),
            title: Some(phrase.unwrap_or(sent.kind.title()).to_owned()),
            status: Some(status),
            detail: safe.message().map(|text| public(&text)),
            instance: None,
            kind: Some(sent.kind),
            reason: sent.reason,
            code: None,
            retry: sent.retry,
            not_processed: sent.delivery == Delivery::NotProcessed,
            retry_after: sent.retry_after.map(whole_millis),
            violations: safe.violations().iter().take(Self::MAX_ITEMS).map(Self::violation).collect(),
            hints: safe.hints().take(Self::MAX_ITEMS).map(public).collect(),
            request_id: Context::read(|context| context.request_id().map(ToString::to_string)),
            is_grpc: false,
        };
        while problem.to_json().len() > Self::MAX && problem.shed() {}
        problem
    }

    /// Leaves out some items; returns `false` if none are left.
    fn shed(&mut self) -> bool {
        let half = |len: usize| len / 2;
        if !self.hints.is_empty() {
            self.hints.truncate(half(self.hints.len()));
        } else if !self.violations.is_empty() {
            self.violations.truncate(half(self.violations.len()));
        } else {
            return self.detail.take().is_some();
        }
        true
    }

    /// Returns the body as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let wire = Wire {
            type_uri: self.type_uri.as_deref(),
            title: self.title.as_deref(),
            status: self.status,
            detail: self.detail.as_deref(),
            instance: self.instance.as_deref(),
            kind: self.kind.map(Kind::as_str),
            reason: self.reason.or(self.code.as_deref()),
            retry: self.retry.map(RetryAdvice::as_str),
            delivery: self.not_processed.then_some(Delivery::NotProcessed.as_str()),
            retry_after_ms: self.retry_after.map(millis),
            violations: self
                .violations
                .iter()
                .map(|violation| WireViolation {
                    field: &violation.field,
                    reason: violation.reason.as_deref(),
                    description: &violation.description,
                })
                .collect(),
            hints: &self.hints,
            request_id: self.request_id.as_deref(),
        };
        // Texts and numbers always serialize.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// The members, in the order in which they are best read.
#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<WireViolation<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    hints: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WireViolation<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    description: &'a str,
}

/// A text for clients: without the secrets in it, and of limited length.
fn public(text: &str) -> String {
    plain(&redact(text), ProblemDetails::MAX_TEXT)
}

/// Rounds up, so that a retry never comes earlier than asked for.
fn whole_millis(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}
