//! The bodies that are known to tell of an error.

use buttress_error::{Kind, intern_reason};
use http::{HeaderMap, header};
use serde_json::Value;

use super::read::members;
use super::{MEDIA_TYPE, ProblemDetails, plain};

/// What the body of a failed answer says; none where it is of no known form.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Option<ProblemDetails> {
    let media = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = media.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case(MEDIA_TYPE) {
        ProblemDetails::from_json(body)
    } else if media.eq_ignore_ascii_case("application/json") {
        envelope(body)
    } else {
        None
    }
}

/// `{"error": {…}}`, either that of `Outcome` (`code`, `kind`, `message`), or Google's
/// ([AIP-193](https://google.aip.dev/193#http11json-representation): `status`, `message`).
fn envelope(body: &[u8]) -> Option<ProblemDetails> {
    let body = members(body)?;
    let error = body.get("error")?;
    let text = |member: &str| error.get(member).and_then(Value::as_str);
    let mut problem = ProblemDetails {
        detail: text("message").map(|text| plain(text, ProblemDetails::MAX_TEXT)),
        ..ProblemDetails::default()
    };
    match (text("kind"), text("status")) {
        (Some(kind), _) => {
            problem.kind = Some(Kind::from_name(kind)?);
            // Where there is no reason the code repeats the kind.
            let code = text("code").filter(|code| !code.eq_ignore_ascii_case(kind));
            problem.reason = code.and_then(intern_reason);
            let other = code.filter(|_| problem.reason.is_none());
            problem.code = other.map(|code| plain(code, ProblemDetails::MAX_TEXT));
        }
        (None, Some(status)) => {
            let kind = Kind::from_name(&status.to_ascii_lowercase());
            problem.kind = Some(kind.filter(|kind| kind.canonical() == *kind)?);
        }
        (None, None) => return None,
    }
    Some(problem)
}
