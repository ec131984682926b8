use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use buttress_error::handle::ServiceHandle;
use buttress_error::{ByKind, Classifier, Rejection};
use tower_service::Service;

use crate::breaker::Breaker;
use crate::breaker::call::{Call, CallGuard};
use crate::circuit::pass::{NO_EPOCH, Pass};
use crate::circuit::refusal::{Refusal, Refused, RememberedRefusal};
use crate::circuit::time::Nanos;
use crate::tower::future::ResponseFuture;

/// The service of [`BreakerLayer`](crate::BreakerLayer).
///
/// A service that became ready while the circuit was open refuses its next call, with the numbers of that moment: its inner
/// service was not polled for readiness.
///
/// # Cancel safety
/// Dropping a response future abandons the call: see [`Permit`](crate::Permit). A service that is ready holds nothing of the
/// circuit.
pub struct BreakerService<S, C = ByKind> {
    inner: S,
    breaker: ServiceHandle<Breaker>,
    classifier: C,
    readiness: Readiness,
    refusal: Option<RememberedRefusal>,
}

#[derive(Debug, Default)]
enum Readiness {
    #[default]
    Unready,
    /// The inner service is ready.
    Ready,
    /// The circuit refused calls at this time, so the inner service was not polled: the next call is refused.
    Refused(Nanos),
}

impl<S, C> BreakerService<S, C> {
    pub(crate) const fn new(inner: S, breaker: ServiceHandle<Breaker>, classifier: C) -> Self {
        Self { inner, breaker, classifier, readiness: Readiness::Unready, refusal: None }
    }

    /// Returns its breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Returns the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// The clone shares the circuit. It is not ready, since readiness belongs to the instance that was polled.
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
        if let Some(now) = self.breaker.refuses(&mut self.refusal) {
            self.readiness = Readiness::Refused(now);
            return Poll::Ready(Ok(()));
        }
        self.poll_inner(cx)
    }

    /// # Panics
    /// If `poll_ready` has not returned ready before.
    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let classifier = self.classifier.clone();
        let fast = if matches!(self.readiness, Readiness::Ready) { self.breaker.begin_fast() } else { None };
        let pass = match fast.map_or_else(|| self.begin_slow(), Ok) {
            Ok(pass) => pass,
            Err(at) => {
                let refused = Refused { refusal: self.refusal().clone(), at };
                return ResponseFuture::rejected(refused, classifier);
            }
        };
        self.readiness = Readiness::Unready;
        // If the inner `call` panics, the guard records it.
        let mut guard = CallGuard::new(&*self.breaker, pass);
        let inner = self.inner.call(request);
        let pass = guard.release();
        drop(guard);
        ResponseFuture::running(inner, Call::new(self.breaker.for_call(), pass), classifier)
    }
}

impl<S, C> BreakerService<S, C> {
    /// Returns `true` if a call would be refused now.
    #[inline]
    pub(crate) fn refuses(&mut self) -> bool {
        self.breaker.refuses(&mut self.refusal).is_some()
    }

    /// Polls the inner service for readiness, in any state of the circuit.
    #[inline]
    pub(crate) fn poll_inner<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>>
    where
        S: Service<Req>,
    {
        self.readiness = Readiness::Unready;
        ready!(self.inner.poll_ready(cx))?;
        self.readiness = Readiness::Ready;
        Poll::Ready(Ok(()))
    }

    /// Begins a call that needs the circuit's decision. Leaves a refusal in `self.refusal`, and returns its time.
    #[cold]
    fn begin_slow(&mut self) -> Result<Pass, Nanos> {
        match mem::take(&mut self.readiness) {
            Readiness::Unready => panic!("poll_ready must be called first"),
            Readiness::Ready => self.breaker.begin_slow().map_err(|Refused { refusal, at }| {
                self.refusal = Some(RememberedRefusal { epoch: NO_EPOCH, refusal });
                at
            }),
            Readiness::Refused(at) => {
                self.breaker.count_refused(self.refusal(), at);
                Err(at)
            }
        }
    }

    fn refusal(&self) -> &Refusal {
        &self.refusal.as_ref().expect("a refusal was remembered").refusal
    }

    /// Releases what the inner service has reserved: a clone is not ready.
    #[cold]
    pub(crate) fn release_inner(&mut self)
    where
        S: Clone,
    {
        self.readiness = Readiness::Unready;
        self.inner = self.inner.clone();
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
