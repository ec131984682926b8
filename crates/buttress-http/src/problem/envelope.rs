//! The bodies that are known to tell of an error.

use buttress_error::{Kind, intern_reason};
use http::{HeaderMap, header};
use serde_json::Value;

use super::retry_info::delay;
use super::{MEDIA_TYPE, ProblemDetails, plain};

/// What the body of a failed answer says; none where it is of no known form.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Option<ProblemDetails> {
    let media = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media == MEDIA_TYPE {
        ProblemDetails::from_json(body)
    } else if media == "application/json" || media.ends_with("+json") {
        envelope(body)
    } else {
        None
    }
}

/// `{"error": {…}}`, either that of `Outcome` (`code`, `kind`, `message`) or Google's
/// ([AIP-193](https://google.aip.dev/193#http11json-representation): `status`, `message`, `details`), which an API that
/// streams wraps in an array. Without `error`, a status that has a `RetryInfo`.
fn envelope(body: &[u8]) -> Option<ProblemDetails> {
    let body = value(body)?;
    let body = body.as_array().map_or(Some(&body), |items| items.first())?;
    match body.get("error") {
        Some(error) => outcome(error).or_else(|| status(error)),
        None => status(body).filter(|status| status.retry_after.is_some()),
    }
}

fn value(body: &[u8]) -> Option<Value> {
    if body.len() > ProblemDetails::MAX_READ { None } else { serde_json::from_slice(body).ok() }
}

fn outcome(error: &Value) -> Option<ProblemDetails> {
    let text = |member: &str| error.get(member).and_then(Value::as_str);
    let kind = text("kind")?;
    let mut problem = ProblemDetails { kind: Some(Kind::from_name(kind)?), ..message(error) };
    // Where there is no reason the code repeats the kind.
    let code = text("code").filter(|code| !code.eq_ignore_ascii_case(kind));
    problem.reason = code.and_then(intern_reason);
    let other = code.filter(|_| problem.reason.is_none());
    problem.code = other.map(|code| plain(code, ProblemDetails::MAX_TEXT));
    Some(problem)
}

/// A `google.rpc.Status`: its code by name in `status` or `code`, or by number. What has neither a known code nor a
/// `RetryInfo` is none.
fn status(error: &Value) -> Option<ProblemDetails> {
    let named = |member: &str| Kind::from_name(&error.get(member)?.as_str()?.to_ascii_lowercase());
    let retry_after = delay(error);
    // Other envelopes have these members too: they count beside a `RetryInfo` only.
    let numbered = || {
        let number = error.get("code")?.as_u64().filter(|number| (1..=16).contains(number))?;
        Kind::ALL.into_iter().find(|kind| u64::from(kind.number()) == number)
    };
    let code = || named("code").or_else(numbered).filter(|_| retry_after.is_some());
    let kind = named("status").or_else(code).filter(|kind| kind.canonical() == *kind);
    if kind.is_none() && retry_after.is_none() {
        return None;
    }
    Some(ProblemDetails { kind, retry_after, is_grpc: true, ..message(error) })
}

/// The words for people.
fn message(error: &Value) -> ProblemDetails {
    let message = error.get("message").and_then(Value::as_str);
    ProblemDetails {
        detail: message.map(|text| plain(text, ProblemDetails::MAX_TEXT)),
        ..ProblemDetails::default()
    }
}
