use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_error::{ByKind, Classifier, Rejection};
use tower_service::Service;

use crate::breaker::Breaker;
use crate::breaker::wait::until_admission_possible;
use crate::tower::future::ResponseFuture;
use crate::tower::service::BreakerService;

/// The service of [`BackpressureLayer`](crate::BackpressureLayer).
///
/// # Cancel safety
/// As for [`BreakerService`]. A service that is dropped while it waits holds nothing.
pub struct BackpressureService<S, C = ByKind> {
    service: BreakerService<S, C>,
    /// Boxed, as it can't be moved. While the circuit is open, an allocation does not matter.
    wait: Option<Wait>,
}

/// `Sync`, since web frameworks require it of services.
type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl<S, C> BackpressureService<S, C> {
    pub(super) const fn new(service: BreakerService<S, C>) -> Self {
        Self { service, wait: None }
    }

    /// Returns its breaker.
    pub fn breaker(&self) -> &Breaker {
        self.service.breaker()
    }

    /// Returns the inner service.
    pub const fn get_ref(&self) -> &S {
        self.service.get_ref()
    }

    /// Returns the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        self.service.get_mut()
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.service.into_inner()
    }
}

/// The clone shares the circuit. It is neither ready nor waiting.
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
            self.service.release_inner();
            self.wait = Some(Box::pin(until_admission_possible(self.breaker().clone(), None)));
        }
    }

    /// # Panics
    /// If `poll_ready` has not returned ready before.
    fn call(&mut self, request: Req) -> Self::Future {
        let future = self.service.call(request);
        if future.is_rejected() {
            self.service.release_inner();
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
