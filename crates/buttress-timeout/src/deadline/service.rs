use std::task::{self, Poll};

use buttress_context::{Context, Frame, Scope};
use buttress_error::Rejection;
use tokio::time::Instant;
use tower_service::Service;

use super::ResponseFuture;
use crate::allowance::Allowance;
use crate::limit::ServiceLimit;

/// The service of [`DeadlineLayer`](crate::DeadlineLayer).
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    limit: ServiceLimit,
}

impl<S> DeadlineService<S> {
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

impl<Req, S> Service<Req> for DeadlineService<S>
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
        let mut context = Context::current();
        let now = Instant::now();
        let allowance = Allowance::new(now, self.limit.duration, context.deadline());
        let scope = if allowance.is_spent() {
            None
        } else {
            if let Some(end) = allowance.end() {
                context = context.with_deadline_from(now, end);
            }
            let mut frame = Frame::new(context);
            let inner = {
                let _entered = frame.enter();
                self.inner.call(request)
            };
            Some(Scope::new(frame, inner))
        };
        ResponseFuture::new(scope, allowance, self.limit.name.for_call())
    }
}
