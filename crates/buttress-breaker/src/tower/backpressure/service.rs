use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_error::{ByKind, Classifier, Rejection};
use tower_service::Service;

use crate::breaker::Breaker;
use crate::breaker::wait::until_open_to_calls;
use crate::tower::future::ResponseFuture;
use crate::tower::service::BreakerService;

/// The service of [`BackpressureLayer`](crate::BackpressureLayer).
///
/// # Cancel safety
/// As [`BreakerService`]. A service that is dropped while it waits holds nothing.
pub struct BackpressureService<S, C = ByKind> {
    service: BreakerService<S, C>,
    /// Boxed, as it can't be moved; an open circuit is no place to save an allocation.
    wait: Option<Wait>,
}

/// `Sync`, as web frameworks want their services.
type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl<S, C> BackpressureService<S, C> {
    pub(super) const fn new(service: BreakerService<S, C>) -> Self {
        Self { service, wait: None }
    }

    /// The handle.
    pub const fn breaker(&self) -> &Breaker {
        self.service.breaker()
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        self.service.get_ref()
    }

    /// The inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        self.service.get_mut()
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.service.into_inner()
    }
}

/// The clone shares the circuit. It neither is ready nor waits.
impl<S: Clone, C: Clone> Clone for BackpressureService<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.service.clone())
    }
}

impl<S, C, Req> Service<Req> for BackpressureService<S, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
    C: Classifier<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(cx));
                self.wait = None;
            }
            if !self.service.refuses() {
                return self.service.poll_inner(cx);
            }
            self.service.renew();
            self.wait = Some(Box::pin(until_open_to_calls(self.breaker().clone(), None)));
        }
    }

    /// # Panics
    /// Without a `poll_ready` that said ready.
    fn call(&mut self, request: Req) -> Self::Future {
        let future = self.service.call(request);
        if future.is_rejected() {
            self.service.renew();
        }
        future
    }
}

impl<S: fmt::Debug, C> fmt::Debug for BackpressureService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackpressureService")
            .field("service", &self.service)
            .field("waiting", &self.wait.is_some())
            .finish()
    }
}
