use std::task::{self, Poll};

use buttress_context::Context;
use buttress_error::Rejection;
use tokio::time::Instant;
use tower_service::Service;

use super::ResponseFuture;
use crate::allowance::Allowance;
use crate::limit::ServiceLimit;

/// The service of [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer).
#[derive(Clone, Debug)]
pub struct AttemptTimeoutService<S> {
    inner: S,
    limit: ServiceLimit,
}

impl<S> AttemptTimeoutService<S> {
    pub(super) const fn new(inner: S, limit: ServiceLimit) -> Self {
        Self { inner, limit }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<Req, S> Service<Req> for AttemptTimeoutService<S>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let ServiceLimit { duration, name } = &mut self.limit;
        // The clock is read only for a call that has a deadline.
        let deadline = Context::current_deadline();
        if deadline.instant().is_some_and(|end| end <= Instant::now()) {
            let allowance = Allowance::new(Instant::now(), *duration, deadline);
            return ResponseFuture::refused(allowance, *duration, name.for_call());
        }
        ResponseFuture::new(self.inner.call(request), *duration, name.for_call())
    }
}
