use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use buttress_error::{ByKind, Classifier, Rejection};
use tower_service::Service;

use super::key::FindBreaker;
use crate::breaker::call::{Call, CallGuard};
use crate::tower::future::ResponseFuture;
use crate::tower::keyed::breakers::KeyedBreakers;

/// The service of [`KeyedBreakerLayer`](crate::KeyedBreakerLayer).
///
/// The key comes with the request, so this service is ready when the inner one is, whatever the state of the circuits, and
/// calls are refused in `call`. The inner service then stays ready, and may hold the slot of a concurrency limit, until
/// that instance is called or dropped.
///
/// # Cancel safety
/// Dropping a response future abandons the call: see [`Permit`](crate::Permit). A service that is ready reserves nothing of
/// a circuit.
pub struct KeyedBreakerService<S, F, K = String, C = ByKind> {
    inner: S,
    breakers: KeyedBreakers<K>,
    find: F,
    classifier: C,
    ready: bool,
}

impl<S, F, K, C> KeyedBreakerService<S, F, K, C> {
    pub(super) const fn new(inner: S, breakers: KeyedBreakers<K>, find: F, classifier: C) -> Self {
        Self { inner, breakers, find, classifier, ready: false }
    }

    /// Returns the handle to the breakers.
    pub const fn breakers(&self) -> &KeyedBreakers<K> {
        &self.breakers
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

/// The clone shares the circuits. It is not ready: readiness belongs to one instance.
impl<S: Clone, F: Clone, K, C: Clone> Clone for KeyedBreakerService<S, F, K, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.breakers.clone(), self.find.clone(), self.classifier.clone())
    }
}

impl<S, F, K, C, Req> Service<Req> for KeyedBreakerService<S, F, K, C>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    F: FindBreaker<Req, K>,
    C: Classifier<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready = false;
        ready!(self.inner.poll_ready(cx))?;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// If `poll_ready` did not return ready, or if the closure that finds the key panics.
    fn call(&mut self, request: Req) -> Self::Future {
        assert!(mem::take(&mut self.ready), "poll_ready must be called first");
        // Code of the caller may panic, so it runs before a call is admitted.
        let classifier = self.classifier.clone();
        let breaker = self.find.find(&self.breakers, &request);
        match breaker.begin() {
            Ok(pass) => {
                // If the inner `call` panics, the guard records it.
                let mut guard = CallGuard::new(&breaker, pass);
                let inner = self.inner.call(request);
                let pass = guard.release();
                drop(guard);
                ResponseFuture::running(inner, Call::new(breaker, pass), classifier)
            }
            Err(refused) => ResponseFuture::rejected(refused, classifier),
        }
    }
}

impl<S: fmt::Debug, F, K, C> fmt::Debug for KeyedBreakerService<S, F, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakerService")
            .field("inner", &self.inner)
            .field("breakers", &self.breakers)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}
