use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buttress_context::Scope;
use buttress_error::Classifier;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::Policy;
use crate::attempt::driver::{self as operation, Begin, Next, Operation, Repeatability};
use crate::attempt::last_failure::Kept;
use crate::attempt::nested;
use crate::attempt::nested::GivenUp;
use crate::policy::overriding;
use crate::rare::Rare;
use crate::remedy::Wait;
use crate::tower::replay::ReplayStrategy;
use crate::tower::service::Core;

pin_project! {
    /// The future of [`RetryService`](crate::RetryService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, C, R>
    where
        S: Service<Req>,
    {
        core: Arc<Core<S, C, R>>,
        #[pin]
        state: State<S, Req, S::Future, Result<S::Response, S::Error>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F, O> {
        // The first attempt, as it comes.
        First {
            begin: Begin,
            request: Request<Req>,
            // What a retry further in has given up on, in an earlier poll.
            given_up: Option<GivenUp>,
            #[pin]
            future: F,
        },
        // It has failed, or isn't run as it comes. This is several times as large, and would be moved about with every call.
        Later { later: Rare<Later<S, Req, F, O>> },
    }
}

/// What is known of the request once it is sent.
struct Request<Req> {
    idempotent: Option<bool>,
    copy: Option<Req>,
}

pin_project! {
    pub(crate) struct Later<S, Req, F, O> {
        operation: Operation,
        // Where it isn't the layer's.
        policy: Option<Box<Policy>>,
        request: Request<Req>,
        kept: Kept<O>,
        #[pin]
        stage: Stage<S, F, O>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, F, O> {
        // A remedy is under way. If it doesn't heal, this was the outcome.
        Healing { healing: Wait, outcome: Option<O> },
        Waiting { #[pin] sleep: Sleep },
        // A fresh clone is needed.
        Cloning,
        // It is there, not ready yet.
        Readying { service: S },
        // An attempt, in a context with its number.
        Running { #[pin] scope: Scope<F> },
    }
}

/// A call that is past its first attempt, or whose first one isn't run as it comes.
type After<S, Req> = Rare<
    Later<
        S,
        Req,
        <S as Service<Req>>::Future,
        Result<<S as Service<Req>>::Response, <S as Service<Req>>::Error>,
    >,
>;

impl<S: Service<Req>, Req, C, R> ResponseFuture<S, Req, C, R> {
    #[inline]
    pub(crate) const fn first(
        core: Arc<Core<S, C, R>>,
        begin: Begin,
        idempotent: Option<bool>,
        copy: Option<Req>,
        given_up: Option<GivenUp>,
        future: S::Future,
    ) -> Self {
        let request = Request { idempotent, copy };
        Self { core, state: State::First { begin, request, given_up, future } }
    }

    #[inline]
    pub(crate) const fn later(core: Arc<Core<S, C, R>>, later: After<S, Req>) -> Self {
        Self { core, state: State::Later { later } }
    }
}

/// Begins a call whose first attempt isn't run as it comes: see [`Start::Apart`](overriding::Start::Apart).
#[cold]
#[inline(never)]
pub(crate) fn begin_apart<S, Req, C, R>(core: &Core<S, C, R>, service: &mut S, request: Req) -> After<S, Req>
where
    S: Service<Req>,
    R: ReplayStrategy<Req>,
{
    let own = overriding::policy(&core.policy);
    let policy = own.as_deref().unwrap_or(&core.policy);
    let mut operation = Operation::new(operation::begin(policy), None);
    let idempotent = core.repeat.idempotent(&request);
    let copy = core.copy(policy, 0, &request);
    let scope = operation.attempt(|operation| operation.begin(policy, || service.call(request)));
    let request = Request { idempotent, copy };
    Rare::new(Later { operation, policy: own, request, kept: Kept::new(), stage: Stage::Running { scope } })
}

impl<S, Req, C, R> Future for ResponseFuture<S, Req, C, R>
where
    S: Service<Req> + Clone,
    C: Classifier<S::Response, S::Error>,
    R: ReplayStrategy<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let core = &**this.core;
        let future = match this.state.project() {
            StateProj::First { future, .. } => future,
            StateProj::Later { later } => return later.get().poll(core, cx),
        };
        let outer = nested::enter();
        let polled = future.poll(cx);
        let inner = nested::leave(outer);
        let outcome = match polled {
            Poll::Ready(Ok(response)) => {
                let outcome = Ok(response);
                if core.classifier.judge(&outcome).class().is_none() {
                    operation::succeeded_at_once(&core.policy);
                    return Poll::Ready(outcome);
                }
                outcome
            }
            // Not as a whole: then it would be asked at the end whether there is something left to drop.
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                if inner.is_some() {
                    self.note(inner);
                }
                return Poll::Pending;
            }
        };
        self.first_failed(outcome, inner, cx)
    }
}

impl<S, Req, C, R> ResponseFuture<S, Req, C, R>
where
    S: Service<Req> + Clone,
    C: Classifier<S::Response, S::Error>,
    R: ReplayStrategy<Req>,
{
    // All this is out of line, so that the poll of a first success is so small that it becomes a part of its caller.

    #[cold]
    fn note(self: Pin<&mut Self>, inner: Option<GivenUp>) {
        if let StateProj::First { given_up, .. } = self.project().state.project() {
            *given_up = inner;
        }
    }

    #[cold]
    #[inline(never)]
    fn first_failed(
        self: Pin<&mut Self>,
        outcome: Result<S::Response, S::Error>,
        inner: Option<GivenUp>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut this = self.project();
        let core = &**this.core;
        let StateProj::First { begin, request, given_up, .. } = this.state.as_mut().project() else {
            unreachable!("the first attempt is under way")
        };
        let request = Request { idempotent: request.idempotent, copy: request.copy.take() };
        let (mut operation, mut kept) = (Operation::new(*begin, inner.or(*given_up)), Kept::new());
        let repeatability = core.repeatability(&request);
        let next = operation.ended(&core.policy, &core.classifier, outcome, &mut kept, repeatability);
        let stage = match Stage::new(next) {
            Ok(stage) => stage,
            Err(outcome) => return Poll::Ready(outcome),
        };
        let later = Rare::new(Later { operation, policy: None, request, kept, stage });
        // This drops the first attempt, with all that it holds, before the next one is made ready.
        this.state.set(State::Later { later });
        let StateProj::Later { later } = this.state.project() else { unreachable!("it was just set") };
        later.get().poll(core, cx)
    }
}

impl<S: Clone, Req, F, T, E> Later<S, Req, F, Result<T, E>> {
    #[cold]
    #[inline(never)]
    fn poll<C, R>(self: Pin<&mut Self>, core: &Core<S, C, R>, cx: &mut Context<'_>) -> Poll<Result<T, E>>
    where
        S: Service<Req, Response = T, Error = E, Future = F>,
        F: Future<Output = Result<T, E>>,
        C: Classifier<T, E>,
        R: ReplayStrategy<Req>,
    {
        let mut this = self.project();
        let policy = this.policy.as_deref().unwrap_or(&core.policy);
        loop {
            let polled = this.operation.attempt(|operation| {
                this.stage.as_mut().poll(operation, policy, core, this.request, this.kept, cx)
            });
            let outcome = ready!(polled);
            let request = core.repeatability(this.request);
            match Stage::new(this.operation.ended(policy, &core.classifier, outcome, this.kept, request)) {
                Ok(stage) => this.stage.set(stage),
                Err(outcome) => return Poll::Ready(outcome),
            }
        }
    }
}

impl<S: Clone, F, T, E> Stage<S, F, Result<T, E>> {
    /// The stage that follows an attempt, or the outcome of the call.
    fn new(next: Next<Result<T, E>>) -> Result<Self, Result<T, E>> {
        match next {
            Next::Done(outcome) => Err(outcome),
            Next::Heal(healing, outcome) => {
                Ok(Self::Healing { healing: healing.wait(), outcome: Some(outcome) })
            }
            Next::Wait(Duration::ZERO) => Ok(Self::Cloning),
            Next::Wait(wait) => Ok(Self::Waiting { sleep: sleep(wait) }),
        }
    }

    /// Waits, makes a fresh clone ready, calls it: to the outcome of the attempt, or of the one before, if a remedy was
    /// to heal that and has not.
    fn poll<Req, C, R>(
        mut self: Pin<&mut Self>,
        operation: &mut Operation,
        policy: &Policy,
        core: &Core<S, C, R>,
        request: &mut Request<Req>,
        kept: &mut Kept<Result<T, E>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, E>>
    where
        S: Service<Req, Response = T, Error = E, Future = F>,
        F: Future<Output = Result<T, E>>,
        C: Classifier<T, E>,
        R: ReplayStrategy<Req>,
    {
        loop {
            let next = match self.as_mut().project() {
                StageProj::Healing { healing, outcome } => {
                    let healed = ready!(healing.as_mut().poll(cx));
                    let outcome = outcome.take().expect("it is taken when the remedy is over");
                    let keyed = core.keyed(request);
                    match operation.remedied(healed, policy, &core.classifier, outcome, kept, keyed) {
                        Ok(()) => Self::Cloning,
                        Err(outcome) => return Poll::Ready(outcome),
                    }
                }
                StageProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    Self::Cloning
                }
                StageProj::Cloning => Self::Readying { service: ready!(core.spare.poll_clone(cx)) },
                StageProj::Readying { service } => {
                    // Attempts that never wait must let other tasks run all the same.
                    ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        operation.next_attempt();
                        return Poll::Ready(Err(error));
                    }
                    let copy = &mut request.copy;
                    let request = copy.take().expect("a wait is only begun with a copy to send");
                    *copy = core.copy(policy, operation.attempts(), &request);
                    // Not before: should making the copy panic, the attempt has not begun, and its price is given back.
                    operation.next_attempt();
                    Self::Running { scope: operation.begin(policy, || service.call(request)) }
                }
                StageProj::Running { scope } => return scope.poll(cx),
            };
            self.set(next);
        }
    }
}

impl<S, C, R> Core<S, C, R> {
    fn repeatability<Req>(&self, request: &Request<Req>) -> Repeatability<'_>
    where
        R: ReplayStrategy<Req>,
    {
        Repeatability {
            idempotent: request.idempotent,
            keyed: self.keyed(request),
            warned: (!self.assume_idempotent).then_some(&*self.warned),
            assume_idempotent: self.assume_idempotent,
            replayable: self.replayable(request.copy.as_ref()),
        }
    }

    /// Does the request carry an idempotency key? The copy knows, which lies there as long as an attempt may follow.
    fn keyed<Req>(&self, request: &Request<Req>) -> Option<bool>
    where
        R: ReplayStrategy<Req>,
    {
        self.repeat.has_idempotency_key(request.copy.as_ref()?)
    }
}

impl<S: Service<Req>, Req, C, R> fmt::Debug for ResponseFuture<S, Req, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match &self.state {
            State::First { .. } => None,
            State::Later { later } => later.as_ref().map(|later| &later.operation),
        };
        f.debug_struct("ResponseFuture").field("operation", &operation).finish_non_exhaustive()
    }
}
