//! Reads a problem from untrusted bytes.

use std::borrow::Cow;
use std::time::Duration;

use buttress_error::{Kind, RetryAdvice, Violation, intern_reason, redact};
use serde_json::{Map, Value};

use super::details::ProblemDetails;
use super::plain;

impl ProblemDetails {
    /// The maximum length of a body that is read; a longer one is of an unknown form.
    pub(super) const MAX_READ: usize = 64 * 1024;

    /// The number of characters of a text that are kept.
    pub(super) const MAX_TEXT: usize = 1_024;

    /// The number of violations, and of hints, that are read.
    pub(super) const MAX_ITEMS: usize = 256;

    /// Reads a body of at most 64 KiB; `None` if it is not a JSON object.
    ///
    /// A member of an unexpected type is ignored, as the RFC says. The first 1024 characters of each text are kept, with
    /// control characters as spaces, and the first 256 items of each list. A reason counts if the kind is known and
    /// [`intern_reason`] accepts it; otherwise it is the `code`.
    #[must_use]
    pub fn from_json(body: &[u8]) -> Option<Self> {
        Some(Self::of_members(&members(body)?))
    }

    fn of_members(body: &Map<String, Value>) -> Self {
        let named = |member: &str| body.get(member)?.as_str();
        let text = |member: &str| named(member).map(|text| plain(text, Self::MAX_TEXT));
        let list = |member: &str| {
            let items = body.get(member).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            items.iter().take(Self::MAX_ITEMS)
        };
        let status = body.get("status").and_then(Value::as_u64);
        let kind = named("kind").and_then(Kind::from_name);
        // A server that does not know our kinds does not know our reasons. Its own need no place in the list.
        let reason = kind.and_then(|_| named("reason")).and_then(intern_reason);
        Self {
            type_uri: text("type"),
            title: text("title"),
            status: status.and_then(|status| u16::try_from(status).ok()),
            detail: text("detail"),
            instance: text("instance"),
            kind,
            reason,
            code: if reason.is_none() { text("reason") } else { None },
            retry: named("retry").and_then(retry),
            not_processed: named("delivery") == Some("not_processed"),
            retry_after: body.get("retry_after_ms").and_then(Value::as_u64).map(Duration::from_millis),
            violations: list("violations").filter_map(violation).collect(),
            hints: list("hints").filter_map(Value::as_str).map(|hint| plain(hint, Self::MAX_TEXT)).collect(),
            request_id: text("request_id"),
            is_grpc: false,
        }
    }

    /// A violation as it is sent and received.
    pub(super) fn violation(violation: &Violation) -> Violation {
        let text = |text: &str| Cow::Owned(plain(&redact(text), Self::MAX_TEXT));
        let sent = Violation::new(text(&violation.field), text(&violation.description));
        match &violation.reason {
            Some(reason) => sent.reason(text(reason)),
            None => sent,
        }
    }
}

fn members(body: &[u8]) -> Option<Map<String, Value>> {
    if body.len() > ProblemDetails::MAX_READ {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn retry(name: &str) -> Option<RetryAdvice> {
    [RetryAdvice::Never, RetryAdvice::Call, RetryAdvice::Operation, RetryAdvice::AfterRemedy]
        .into_iter()
        .find(|retry| retry.as_str() == name)
}

fn violation(item: &Value) -> Option<Violation> {
    let text = |member: &str| item.get(member).and_then(Value::as_str).map(str::to_owned);
    let violation = Violation::new(text("field")?, text("description")?);
    Some(ProblemDetails::violation(&match text("reason") {
        Some(reason) => violation.reason(reason),
        None => violation,
    }))
}
