use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};

use buttress_error::Classifier;
use tower_service::Service;

use crate::repeat::Repeat;
use crate::{Policy, ResponseFuture, operation};

/// The service of [`RetryLayer`](crate::RetryLayer).
pub struct Retry<S, C, R> {
    inner: S,
    core: Arc<Core<S, C, R>>,
}

/// What a call's future needs, behind one reference count.
pub(crate) struct Core<S, C, R> {
    pub(crate) policy: Policy,
    pub(crate) classifier: C,
    repeat: R,
    pub(crate) assume_idempotent: bool,
    /// Cloned for an attempt that really is a retry: the first one takes the instance that was made ready.
    spare: Mutex<S>,
}

impl<S: Clone, C, R> Retry<S, C, R> {
    pub(crate) fn new(inner: S, policy: Policy, assume_idempotent: bool, classifier: C, repeat: R) -> Self {
        let spare = Mutex::new(inner.clone());
        Self { inner, core: Arc::new(Core { policy, classifier, repeat, assume_idempotent, spare }) }
    }
}

impl<S: Clone, C, R> Core<S, C, R> {
    pub(crate) fn service(&self) -> S {
        // Only `clone` runs under the lock: if it panicked, the value is as it was.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S, C, R> Core<S, C, R> {
    /// A copy of the request, if another attempt may follow the one that is about to begin after `earlier` ones.
    pub(crate) fn copy<Req>(&self, earlier: u32, request: &Req) -> Option<Req>
    where
        R: Repeat<Req>,
    {
        if operation::may_repeat(&self.policy, earlier) { self.repeat.repeat(request) } else { None }
    }
}

impl<S, C, R> Retry<S, C, R> {
    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service. Retries go to clones of the one that the layer was given.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, C, R> Clone for Retry<S, C, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), core: Arc::clone(&self.core) }
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for Retry<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("policy", &self.core.policy)
            .finish_non_exhaustive()
    }
}

impl<Req, S, C, R> Service<Req> for Retry<S, C, R>
where
    S: Service<Req> + Clone,
    C: Classifier<S::Response, S::Error>,
    R: Repeat<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C, R>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let core = Arc::clone(&self.core);
        let started = operation::begin(&core.policy);
        let idempotent = core.repeat.idempotent(&request);
        let copy = core.copy(0, &request);
        let future = operation::first(&core.policy, || self.inner.call(request));
        ResponseFuture::new(core, started, idempotent, copy, future)
    }
}
