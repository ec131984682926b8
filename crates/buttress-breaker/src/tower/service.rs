use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use buttress_error::{ByKind, Classifier, Rejection};
use tower_service::Service;

use crate::breaker::Breaker;
use crate::breaker::admitted::{Admitted, Call};
use crate::breaker::shut::Shut;
use crate::circuit::pass::{BLIND, Pass};
use crate::circuit::refusal::{Refusal, Refused};
use crate::circuit::time::Nanos;
use crate::tower::future::ResponseFuture;

/// The service of [`BreakerLayer`](crate::BreakerLayer).
///
/// A service that was made ready while the circuit was open refuses its next call, with the numbers of that moment: its
/// inner service was not asked whether it is ready.
///
/// # Cancel safety
/// Dropping a response future abandons the call: see [`Permit`](crate::Permit). A service that was made ready holds
/// nothing of the circuit's.
pub struct BreakerService<S, C = ByKind> {
    inner: S,
    breaker: Breaker,
    classifier: C,
    readiness: Readiness,
    shut: Option<Shut>,
    calls: Calls,
}

#[derive(Debug, Default)]
enum Readiness {
    #[default]
    Unready,
    /// The inner service is ready.
    Ready,
    /// The inner service was not asked: the next call is refused, as the circuit said at this time.
    Refused(Nanos),
}

/// How often an instance was called: one that is made for a single call is not worth a count of references of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    None,
    One,
    More,
}

impl<S, C> BreakerService<S, C> {
    pub(crate) const fn new(inner: S, breaker: Breaker, classifier: C) -> Self {
        Self { inner, breaker, classifier, readiness: Readiness::Unready, shut: None, calls: Calls::None }
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
        if let Some(now) = self.breaker.refuses(&mut self.shut) {
            self.readiness = Readiness::Refused(now);
            return Poll::Ready(Ok(()));
        }
        self.poll_inner(cx)
    }

    /// # Panics
    /// Without a `poll_ready` that said ready.
    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let classifier = self.classifier.clone();
        let passed = if matches!(self.readiness, Readiness::Ready) { self.breaker.pass() } else { None };
        let pass = match passed {
            Some(pass) => pass,
            None => match self.ask() {
                Ok(pass) => pass,
                Err(at) => {
                    let refused = Refused { refusal: self.refusal().clone(), at };
                    return ResponseFuture::rejected(refused, classifier);
                }
            },
        };
        self.readiness = Readiness::Unready;
        if self.calls != Calls::More {
            self.count_call();
        }
        // If the inner `call` panics, `admitted` is dropped by the panic, and says so. The future and its parts are made in
        // one place only, and so where the caller wants them: elsewhere they would be moved there.
        let mut admitted = Admitted::new(&self.breaker, pass);
        let inner = self.inner.call(request);
        ResponseFuture::running(inner, Call::new(self.breaker.clone(), admitted.release()), classifier)
    }
}

impl<S, C> BreakerService<S, C> {
    /// Would a call be refused now?
    #[inline]
    pub(crate) fn refuses(&mut self) -> bool {
        self.breaker.refuses(&mut self.shut).is_some()
    }

    /// `poll_ready`, whatever the circuit says.
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

    #[cold]
    fn count_call(&mut self) {
        self.calls = match self.calls {
            Calls::None => Calls::One,
            Calls::One | Calls::More => {
                self.breaker = self.breaker.apart();
                Calls::More
            }
        };
    }

    /// For a call that doesn't simply pass. A refusal is left in `shut`; says when it was.
    #[cold]
    fn ask(&mut self) -> Result<Pass, Nanos> {
        match mem::take(&mut self.readiness) {
            Readiness::Unready => panic!("poll_ready must be called first"),
            Readiness::Ready => self.breaker.ask().map_err(|Refused { refusal, at }| {
                self.shut = Some(Shut { epoch: BLIND, refusal });
                at
            }),
            Readiness::Refused(at) => {
                self.breaker.refused(self.refusal(), at);
                Err(at)
            }
        }
    }

    fn refusal(&self) -> &Refusal {
        &self.shut.as_ref().expect("a refusal is remembered until the next one").refusal
    }

    /// Gives back what the inner service has reserved: a clone is not ready.
    #[cold]
    pub(crate) fn renew(&mut self)
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
