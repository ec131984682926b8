//! Reads the known error envelopes.

use buttress_error::{Kind, intern_reason};
use http::{HeaderMap, header};
use serde_json::Value;

use super::details::ProblemDetails;
use super::retry_info::delay;
use super::{MEDIA_TYPE, plain};

/// Reads the body of a failed response; `None` if its form is unknown.
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
/// streams wraps in an array. A body without `error` counts if it is a status with a `RetryInfo`.
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
    // Without a reason, the code repeats the kind.
    let code = text("code").filter(|code| !code.eq_ignore_ascii_case(kind));
    problem.reason = code.and_then(intern_reason);
    let other = code.filter(|_| problem.reason.is_none());
    problem.code = other.map(|code| plain(code, ProblemDetails::MAX_TEXT));
    Some(problem)
}

/// Reads a `google.rpc.Status`, whose code is a name in `status` or `code`, or a number. Returns `None` if it has neither a
/// known code nor a `RetryInfo`.
fn status(error: &Value) -> Option<ProblemDetails> {
    let named = |member: &str| Kind::from_name(&error.get(member)?.as_str()?.to_ascii_lowercase());
    let retry_after = delay(error);
    // Other envelopes have these members too, so they count only together with a `RetryInfo`.
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

/// Reads the message.
fn message(error: &Value) -> ProblemDetails {
    let message = error.get("message").and_then(Value::as_str);
    ProblemDetails {
        detail: message.map(|text| plain(text, ProblemDetails::MAX_TEXT)),
        ..ProblemDetails::default()
    }
}
