//! `BadStatus`: the response inside the error of a bad status.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;

use crate::headers::REQUEST_ID;
use crate::problem::ProblemDetails;

/// The response with a bad status for which [`HttpLayer`](crate::HttpLayer) returned an error: its head and the beginning of
/// its body.
///
/// ```
/// use buttress_error::Error;
/// use buttress_http::BadStatus;
///
/// fn explain(error: &Error) -> Option<String> {
///     let response = error.find::<BadStatus>()?;
///     Some(format!("{}: {}", response.status(), String::from_utf8_lossy(response.body())))
/// }
/// ```
///
/// Neither `Display` nor `Debug` shows header values or the body, which may contain secrets. The error around it has the
/// first 200 characters of a text body as a note. [`error_body`](crate::HttpLayer::error_body) with zero bytes leaves out
/// both the body and the note.
#[derive(Clone)]
pub struct BadStatus {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    is_whole: bool,
}

/// The headers that are kept first, however large the head is.
const KEPT_FIRST: [HeaderName; 4] =
    [header::RETRY_AFTER, header::CONTENT_TYPE, header::WWW_AUTHENTICATE, REQUEST_ID];

impl BadStatus {
    /// The maximum number of bytes of headers (names and values) that are kept.
    pub const MAX_HEADERS: usize = 8 * 1024;

    pub(crate) fn new(head: &Parts, body: Bytes, is_whole: bool) -> Self {
        Self { status: head.status, headers: bounded(&head.headers), body, is_whole }
    }

    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers without `Set-Cookie`, at most [`MAX_HEADERS`](Self::MAX_HEADERS) bytes of them.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the beginning of the body.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the content of the body if it is complete and is a problem
    /// ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) or another known error envelope.
    #[must_use]
    pub fn problem(&self) -> Option<ProblemDetails> {
        if self.is_whole { crate::problem::read(&self.headers, &self.body) } else { None }
    }

    /// Returns `true` if [`body`](Self::body) is the whole body: it was not longer than the limit, did not take too long and
    /// did not break off.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Copies the headers, since a header value may keep a large read buffer alive.
fn bounded(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let mut free = BadStatus::MAX_HEADERS;
    let mut keep = |name: &HeaderName, value: &HeaderValue| {
        let size = name.as_str().len() + value.len();
        if let (Some(left), Ok(value)) = (free.checked_sub(size), HeaderValue::from_bytes(value.as_bytes())) {
            free = left;
            kept.append(name, value);
        }
    };
    for name in &KEPT_FIRST {
        headers.get_all(name).iter().for_each(|value| keep(name, value));
    }
    for (name, value) in headers {
        if *name != header::SET_COOKIE && !KEPT_FIRST.contains(name) {
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
            .field("is_whole", &self.is_whole)
            .finish()
    }
}

impl std::error::Error for BadStatus {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_retry_after_of_a_large_head() {
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
