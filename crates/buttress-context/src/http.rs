//! `Replay` for `http` types: here, where the trait lives, because of the orphan rule.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::Replay;

/// The header that makes any request idempotent: the server keeps the first answer
/// ([draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A body that may be sent again, if it can be.
pub trait ReplayBody: Sized {
    /// A copy to send again; none if it can be sent only once.
    fn replay_body(&self) -> Option<Self>;

    /// Asked of a copy, when the attempt before it has failed: can it still be sent? Default: yes.
    fn replayable(&self) -> bool {
        true
    }
}

impl<B: Clone> ReplayBody for B {
    fn replay_body(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// May a request of this method with these headers be processed twice? By RFC 9110, section 9.2.2, or because it has
/// an `Idempotency-Key`; one in which nothing stands is none, as a server has nothing to know the request by.
#[must_use]
pub fn idempotent(method: &Method, headers: &HeaderMap) -> bool {
    let by_method = method.is_idempotent();
    by_method || headers.get_all(&IDEMPOTENCY_KEY).iter().any(says_something)
}

/// Is there anything beside blanks and the quotes in which the draft puts a key?
fn says_something(key: &HeaderValue) -> bool {
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

    /// By method and `Idempotency-Key`. A method that is not idempotent says nothing, so that the context may.
    fn idempotent(&self) -> Option<bool> {
        idempotent(self.method(), self.headers()).then_some(true)
    }
}

impl Replay for bytes::Bytes {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }
}
