use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use buttress_error::{ByKind, Classifier, Rejection};
use tower_service::Service;

use crate::{Breaker, ResponseFuture};

/// The service of [`BreakerLayer`](crate::BreakerLayer).
///
/// # Cancel safety
/// Dropping a response future abandons the call: see [`Permit`](crate::Permit). A service that was made ready holds
/// nothing of the circuit's.
pub struct BreakerService<S, C = ByKind> {
    inner: S,
    breaker: Breaker,
    classifier: C,
    readiness: Readiness,
}

#[derive(Debug, Default)]
enum Readiness {
    #[default]
    Unready,
    /// The inner service is ready.
    Ready,
    /// The inner service was not asked: the next call is refused.
    Refused(Rejection),
}

impl<S, C> BreakerService<S, C> {
    pub(crate) const fn new(inner: S, breaker: Breaker, classifier: C) -> Self {
        Self { inner, breaker, classifier, readiness: Readiness::Unready }
    }

    /// The handle.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
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

/// The clone shares the circuit. It is not ready: readiness belongs to the instance that was asked.
impl<S: Clone, C: Clone> Clone for BreakerService<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.breaker.clone(), self.classifier.clone())
    }
}

impl<S, C, Req> Service<Req> for BreakerService<S, C>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    C: Classifier<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if let Some(rejection) = self.breaker.refusal() {
            self.readiness = Readiness::Refused(rejection);
            return Poll::Ready(Ok(()));
        }
        self.readiness = Readiness::Unready;
        ready!(self.inner.poll_ready(cx))?;
        self.readiness = Readiness::Ready;
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// Without a `poll_ready` that said ready.
    fn call(&mut self, request: Req) -> Self::Future {
        // A look first: to take the value is to move a whole rejection, which few calls have.
        if !matches!(self.readiness, Readiness::Ready) {
            let Readiness::Refused(rejection) = mem::take(&mut self.readiness) else {
                panic!("poll_ready must be called first")
            };
            self.breaker.refused(&rejection);
            return ResponseFuture::rejected(rejection);
        }
        self.readiness = Readiness::Unready;
        match self.breaker.admit() {
            Err(rejection) => ResponseFuture::rejected(rejection),
            // If the inner `call` panics, the permit is dropped by the panic, and says so.
            Ok(permit) => {
                let inner = self.inner.call(request);
                ResponseFuture::running(inner, permit, self.classifier.clone())
            }
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for BreakerService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerService")
            .field("inner", &self.inner)
            .field("breaker", &self.breaker)
            .field("readiness", &self.readiness)
            .finish_non_exhaustive()
    }
}
