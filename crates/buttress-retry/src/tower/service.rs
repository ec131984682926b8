use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{self, Poll};

use buttress_error::{ByKind, Classifier};
use tower_service::Service;

use crate::attempt::{driver as operation, nested};
use crate::policy::overriding;
use crate::policy::overriding::Start;
use crate::tower::future;
use crate::tower::replay::{ByTrait, ReplayStrategy};
use crate::tower::spare::Spare;
use crate::{Policy, ResponseFuture};

/// The service of [`RetryLayer`](crate::RetryLayer): around a service `S`, with what the layer does by default, it is
/// `RetryService<S>`.
pub struct RetryService<S, C = ByKind, R = ByTrait> {
    inner: S,
    core: Arc<Core<S, C, R>>,
}

/// What the calls of a [`RetryService`] share.
pub(crate) struct Core<S, C, R> {
    pub(crate) policy: Policy,
    pub(crate) classifier: C,
    pub(crate) repeat: R,
    pub(crate) assume_idempotent: bool,
    /// Cloned for an attempt that really is a retry: the first one takes the instance that was made ready.
    pub(crate) spare: Spare<S>,
    /// Has the layer warned that its request type says nothing of idempotency?
    pub(crate) warned: Arc<AtomicBool>,
}

impl<S, C, R> RetryService<S, C, R> {
    pub(crate) const fn new(inner: S, core: Arc<Core<S, C, R>>) -> Self {
        Self { inner, core }
    }
}

impl<S, C, R> Core<S, C, R> {
    pub(crate) fn new(
        spare: S,
        policy: Policy,
        assume_idempotent: bool,
        classifier: C,
        repeat: R,
        warned: Arc<AtomicBool>,
    ) -> Self {
        Self { policy, classifier, repeat, assume_idempotent, spare: Spare::new(spare), warned }
    }
}

impl<S, C, R> Core<S, C, R> {
    /// A copy of the request, if another attempt may follow the one that is about to begin after `earlier` ones.
    pub(crate) fn copy<Req>(&self, policy: &Policy, earlier: u32, request: &Req) -> Option<Req>
    where
        R: ReplayStrategy<Req>,
    {
        if operation::may_repeat(policy, earlier) { self.repeat.replay(request) } else { None }
    }

    /// The attempt before it has failed: can the copy still be sent? Not from inside `S::clone`, which would wait for
    /// itself.
    pub(crate) fn replayable<Req>(&self, copy: Option<&Req>) -> bool
    where
        R: ReplayStrategy<Req>,
    {
        copy.is_some_and(|copy| self.repeat.replayable(copy)) && !self.spare.is_cloning_here()
    }
}

impl<S, C, R> RetryService<S, C, R> {
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

impl<S: Clone, C, R> Clone for RetryService<S, C, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.core))
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for RetryService<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryService")
            .field("inner", &self.inner)
            .field("policy", &self.core.policy)
            .finish_non_exhaustive()
    }
}

impl<S, C, R> fmt::Debug for Core<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("policy", &self.policy).finish_non_exhaustive()
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
        let core = &*self.core;
        let start = overriding::start(&core.policy);
        if start == Start::Apart {
            let first = future::begin_apart(core, &mut self.inner, request);
            return ResponseFuture::later(Arc::clone(&self.core), first);
        }
        let copy = if start == Start::Repeatable { core.repeat.replay(&request) } else { None };
        let idempotent = core.repeat.idempotent(&request);
        let begin = operation::begin(&core.policy);
        // A retry further in may give up already as the future is made.
        let outer = nested::enter();
        let future = self.inner.call(request);
        let given_up = nested::leave(outer);
        ResponseFuture::first(Arc::clone(&self.core), begin, idempotent, copy, given_up, future)
    }
}
