//! `Replay` for `http` types: here, where the trait lives, because of the orphan rule.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

use crate::Replay;

/// The header that makes any request idempotent: the server keeps the first answer
/// ([draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A body that a retry can send again.
pub trait ReplayBody: Sized {
    /// Returns a copy to send again, or `None` if the body can be sent only once.
    fn replay_body(&self) -> Option<Self>;

    /// Returns `true` if this copy can still be sent, now that the attempt before it has failed. Default: `true`.
    fn replayable(&self) -> bool {
        true
    }
}

impl<B: Clone> ReplayBody for B {
    fn replay_body(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Returns `true` if a request of this method with these headers may be processed twice: by RFC 9110, section 9.2.2, or
/// because it has an [idempotency key](has_idempotency_key).
///
/// A conditional write (`If-Match`, `If-None-Match` or `If-Unmodified-Since` with a method that is not safe) is not
/// idempotent by its method: once processed, its condition no longer holds, and the answer to a second request says that
/// it failed.
#[must_use]
pub fn idempotent(method: &Method, headers: &HeaderMap) -> bool {
    let by_method = method.is_safe() || method.is_idempotent() && !is_conditional(headers);
    by_method || has_idempotency_key(headers)
}

/// Returns `true` if these headers have an `Idempotency-Key`. An empty one does not count: a server could not recognize the
/// request by it.
#[must_use]
pub fn has_idempotency_key(headers: &HeaderMap) -> bool {
    headers.get_all(&IDEMPOTENCY_KEY).iter().any(is_not_blank)
}

fn is_conditional(headers: &HeaderMap) -> bool {
    [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE]
        .iter()
        .any(|condition| headers.contains_key(condition))
}

/// Returns `true` if there is anything except blanks and the quotes in which the draft encloses a key.
fn is_not_blank(key: &HeaderValue) -> bool {
    key.as_bytes().iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'"'))
}

impl<B: ReplayBody> Replay for Request<B> {
    fn replay(&self) -> Option<Self> {
        let body = self.body().replay_body()?;
        let mut copy = Self::new(body);
        copy.method_mut().clone_from(self.method());
        copy.uri_mut().clone_from(self.uri());
        *copy.version_mut() = self.version();
        copy.headers_mut().clone_from(self.headers());
        copy.extensions_mut().clone_from(self.extensions());
        Some(copy)
    }

    fn replayable(&self) -> bool {
        self.body().replayable()
    }

    /// Decides by method, condition and `Idempotency-Key`. If these don't make it idempotent, it returns `None`, so that the
    /// context decides.
    fn idempotent(&self) -> Option<bool> {
        idempotent(self.method(), self.headers()).then_some(true)
    }

    fn has_idempotency_key(&self) -> Option<bool> {
        Some(has_idempotency_key(self.headers()))
    }
}

impl Replay for bytes::Bytes {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }
}
