//! `BadStatus`: the answer inside the error of a bad status.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;

use crate::ProblemDetails;

/// The answer of a server that made [`HttpLayer`](crate::HttpLayer) return an error: its head and the beginning of its
/// body.
///
/// ```
/// use buttress_error::Error;
/// use buttress_http::BadStatus;
///
/// fn explain(error: &Error) -> Option<String> {
///     let answer = error.find::<BadStatus>()?;
///     Some(format!("{}: {}", answer.status(), String::from_utf8_lossy(answer.body())))
/// }
/// ```
///
/// Neither `Display` nor `Debug` shows header values or the body, which may hold secrets. The error around it has the first
/// 200 characters of a text as a note, for those who run the program; [`error_body`](crate::HttpLayer::error_body) with
/// zero bytes leaves out both.
#[derive(Clone)]
pub struct BadStatus {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    whole: bool,
}

/// What every error keeps of the head, however large the rest.
const FIRST: [HeaderName; 4] =
    [header::RETRY_AFTER, header::CONTENT_TYPE, header::WWW_AUTHENTICATE, crate::REQUEST_ID];

impl BadStatus {
    /// How many bytes of headers (names and values) are kept at most.
    pub const MAX_HEADERS: usize = 8 * 1024;

    pub(crate) fn new(head: &Parts, body: Bytes, whole: bool) -> Self {
        Self { status: head.status, headers: bounded(&head.headers), body, whole }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers, without `Set-Cookie`, at most [`MAX_HEADERS`](Self::MAX_HEADERS) bytes of them.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The beginning of the body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the body says, where it is a problem ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) or another known
    /// envelope of an error, and whole.
    #[must_use]
    pub fn problem(&self) -> Option<ProblemDetails> {
        if self.whole { crate::problem::read(&self.headers, &self.body) } else { None }
    }

    /// Is it the whole body? Not when it was longer than the bound, took too long, or broke off.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }
}

/// Copies, so that no large read buffer stays alive behind a small value.
fn bounded(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let mut room = BadStatus::MAX_HEADERS;
    let mut keep = |name: &HeaderName, value: &HeaderValue| {
        let size = name.as_str().len() + value.len();
        if let (Some(left), Ok(value)) = (room.checked_sub(size), HeaderValue::from_bytes(value.as_bytes())) {
            room = left;
            kept.append(name, value);
        }
    };
    for name in &FIRST {
        headers.get_all(name).iter().for_each(|value| keep(name, value));
    }
    for (name, value) in headers {
        if *name != header::SET_COOKIE && !FIRST.contains(name) {
            keep(name, value);
        }
    }
    kept
}

impl fmt::Display for BadStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::classify::grpc_status(&self.headers) {
            Some(number) if self.status == StatusCode::OK => write!(f, "grpc-status {number}"),
            _ => write!(f, "{}", self.status),
        }
    }
}

impl fmt::Debug for BadStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BadStatus")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .field("whole", &self.whole)
            .finish()
    }
}

impl std::error::Error for BadStatus {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_retry_after_of_a_head_of_any_size() {
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.headers.insert(header::SET_COOKIE, HeaderValue::from_static("session=secret"));
        for n in 0..400 {
            let name = HeaderName::try_from(format!("x-{n}")).unwrap();
            head.headers.insert(name, HeaderValue::from_static("0123456789012345678901234567890123456789"));
        }
        head.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
        let kept = BadStatus::new(&head, Bytes::new(), true);
        let size: usize = kept.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(size <= BadStatus::MAX_HEADERS && size > BadStatus::MAX_HEADERS / 2, "{size}");
        assert_eq!(kept.headers()[header::RETRY_AFTER], "3");
        assert!(!kept.headers().contains_key(header::SET_COOKIE));
    }
}
