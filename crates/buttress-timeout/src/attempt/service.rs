use std::task::{self, Poll};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::Rejection;
use tokio::time::Instant;
use tower_service::Service;

use super::AttemptTimeoutFuture;
use crate::allowance::Allowance;
use crate::name::Name;

/// The service of [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer).
#[derive(Clone, Debug)]
pub struct AttemptTimeoutService<S> {
    inner: S,
    limit: Duration,
    name: Name,
}

impl<S> AttemptTimeoutService<S> {
    pub(super) const fn new(inner: S, limit: Duration, name: Name) -> Self {
        Self { inner, limit, name }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
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
    type Future = AttemptTimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        // The clock is read only for a call that has a deadline.
        let deadline = Context::current_deadline().instant();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return self.refuse();
        }
        AttemptTimeoutFuture::new(|| self.inner.call(request), &self.limit, &self.name)
    }
}

impl<S> AttemptTimeoutService<S> {
    /// Apart, so that the future of a call that is made is built in one place.
    #[cold]
    #[inline(never)]
    fn refuse<F>(&self) -> AttemptTimeoutFuture<F> {
        let allowance = Allowance::new(Instant::now(), self.limit, Context::current_deadline());
        AttemptTimeoutFuture::refused(allowance, self.limit, self.name.clone())
    }
}
