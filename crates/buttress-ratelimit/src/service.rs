//! `RateLimitService`: takes permits for each call.

use std::time::Duration;
use std::{fmt, mem};

use std::task::{Context, Poll, ready};

use buttress_error::Rejection;
use tower_service::Service;

use crate::find::FindLimit;
use crate::future::ResponseFuture;
use crate::limit::RateLimit;
use crate::reservation::Reservation;
use crate::throttle::{NoDrain, ReadThrottle};
use crate::weight::{OnePermit, Weigh};

/// The service of [`RateLimitLayer`](crate::RateLimitLayer).
///
/// The weight and the key come with the request, so this service is ready when the inner one is, and calls are refused in
/// `call`. The inner service then stays ready until that instance is called or dropped.
pub struct RateLimitService<S, L = RateLimit, W = OnePermit, C = NoDrain> {
    inner: S,
    limits: L,
    weigh: W,
    throttle: C,
    max_wait: Duration,
    ready: bool,
}

impl<S, L, W, C> RateLimitService<S, L, W, C> {
    pub(crate) const fn new(inner: S, limits: L, weigh: W, throttle: C, max_wait: Duration) -> Self {
        Self { inner, limits, weigh, throttle, max_wait, ready: false }
    }

    /// Returns the handle to the limit or the limits.
    pub const fn limits(&self) -> &L {
        &self.limits
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

/// The clone shares the limit. It is not ready: readiness belongs to one instance.
impl<S: Clone, L: Clone, W: Clone, C: Clone> Clone for RateLimitService<S, L, W, C> {
    fn clone(&self) -> Self {
        let Self { inner, limits, weigh, throttle, max_wait, ready: _ } = self;
        Self::new(inner.clone(), limits.clone(), weigh.clone(), throttle.clone(), *max_wait)
    }
}

impl<S, L, W, C, Req> Service<Req> for RateLimitService<S, L, W, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
    L: FindLimit<Req>,
    W: Weigh<Req>,
    C: ReadThrottle<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready = false;
        ready!(self.inner.poll_ready(cx))?;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// If `poll_ready` did not return ready, or if the closure that returns the weight or the key panics.
    fn call(&mut self, request: Req) -> Self::Future {
        assert!(mem::take(&mut self.ready), "poll_ready must be called first");
        // Code of the caller may panic, so it runs before permits are taken.
        let weight = self.weigh.weigh(&request);
        let (admitted, limit) = self.limits.with_limit(&request, |limit| {
            let admitted = limit.admit(weight, self.max_wait);
            let waits = admitted.as_ref().is_ok_and(|admitted| admitted.at.is_some());
            (admitted, (waits || C::READS).then(|| limit.clone()))
        });
        match (admitted, limit) {
            (Err(rejection), _) => ResponseFuture::rejected(rejection),
            (Ok(admitted), Some(limit)) if admitted.at.is_some() => {
                // The instance that is ready waits with the call.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                let reservation = Reservation::new(limit, weight, admitted.at);
                ResponseFuture::waiting(reservation, inner, request, self.throttle.clone())
            }
            (Ok(_), limit) => {
                let throttle = limit.map(|limit| (limit, self.throttle.clone()));
                ResponseFuture::running(self.inner.call(request), throttle)
            }
        }
    }
}

impl<S: fmt::Debug, L: fmt::Debug, W, C> fmt::Debug for RateLimitService<S, L, W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitService")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .field("max_wait", &self.max_wait)
            .finish_non_exhaustive()
    }
}
