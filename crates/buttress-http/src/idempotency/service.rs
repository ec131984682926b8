use std::task::{Context, Poll};

use buttress_context::{IDEMPOTENCY_KEY, RequestId};
use http::{HeaderValue, Request};
use tower_service::Service;

use crate::headers::insert_if_absent;

/// The service of [`IdempotencyKeyLayer`](crate::IdempotencyKeyLayer).
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKeyService<S> {
    inner: S,
}

impl<S> IdempotencyKeyService<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for IdempotencyKeyService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if !request.method().is_idempotent() {
            // A new random id, unrelated to the request id.
            let key = || HeaderValue::from_str(RequestId::random().as_str(&mut [0; 36])).ok();
            insert_if_absent(&mut request, IDEMPOTENCY_KEY, key);
        }
        self.inner.call(request)
    }
}
