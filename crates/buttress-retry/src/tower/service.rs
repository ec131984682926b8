use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{self, Poll};

use buttress_error::handle::{Handle, ServiceHandle};
use buttress_error::{ByKind, Classifier};
use tower_service::Service;

use super::future::ResponseFuture;
use super::replay::{ByTrait, ReplayStrategy};
use super::spare::Spare;
use crate::attempt;
use crate::policy::{FirstAttempt, Policy, first_attempt, retry_may_follow};

/// The service of [`RetryLayer`](crate::RetryLayer). With the layer's defaults, around a service `S`, its type is
/// `RetryService<S>`.
pub struct RetryService<S, C = ByKind, R = ByTrait> {
    inner: S,
    shared: ServiceHandle<Handle<Shared<S, C, R>>>,
}

/// The state that all calls of a [`RetryService`] and its clones share.
pub(super) struct Shared<S, C, R> {
    pub(super) policy: Policy,
    pub(super) classifier: C,
    pub(super) replay: R,
    pub(super) assume_idempotent: bool,
    /// Cloned for each retry. The first attempt uses the instance that was made ready.
    pub(super) spare: Spare<S>,
    /// Whether the layer has warned that its request type does not say whether it is idempotent.
    pub(super) warned: Arc<AtomicBool>,
}

impl<S, C, R> Shared<S, C, R> {
    /// Copies the request, if a retry may follow attempt number `attempt`.
    pub(super) fn copy<Req>(&self, policy: &Policy, attempt: u32, request: &Req) -> Option<Req>
    where
        R: ReplayStrategy<Req>,
    {
        if retry_may_follow(policy, attempt) { self.replay.replay(request) } else { None }
    }

    /// Returns `true` if the copy can still be sent after a failed attempt. A call inside `S::clone` is not retried, as its
    /// retry would wait for that clone.
    pub(super) fn replayable<Req>(&self, copy: Option<&Req>) -> bool
    where
        R: ReplayStrategy<Req>,
    {
        copy.is_some_and(|copy| self.replay.replayable(copy)) && !self.spare.is_cloning_here()
    }
}

impl<S, C, R> RetryService<S, C, R> {
    pub(super) fn new(inner: S, shared: Shared<S, C, R>) -> Self {
        Self { inner, shared: ServiceHandle::new(Handle::new(shared)) }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service. Retries use clones of the service that the layer was given, which
    /// it does not change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, C, R> Clone for RetryService<S, C, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for RetryService<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryService")
            .field("inner", &self.inner)
            .field("policy", &self.shared.policy)
            .finish_non_exhaustive()
    }
}

impl<Req, S, C, R> Service<Req> for RetryService<S, C, R>
where
    S: Service<Req> + Clone,
    C: Classifier<S::Response, S::Error>,
    R: ReplayStrategy<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let shared = self.shared.for_call();
        let copy = match first_attempt(&shared.policy) {
            FirstAttempt::Scoped => return ResponseFuture::scoped(shared, &mut self.inner, request),
            FirstAttempt::Retryable => shared.replay.replay(&request),
            FirstAttempt::Only => None,
        };
        let idempotent = shared.replay.idempotent(&request);
        let start = attempt::start(&shared.policy);
        // An inner retry may give up before its future is polled.
        let outer = attempt::enter();
        let future = self.inner.call(request);
        let inner = attempt::leave(outer);
        ResponseFuture::first(shared, start, idempotent, copy, inner, future)
    }
}
