use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buttress_context::Scope;
use buttress_error::Classifier;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

use crate::operation::{self, Operation, Repeatability};
use crate::repeat::Repeat;
use crate::service::Core;

pin_project! {
    /// The future of [`Retry`](crate::Retry).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, C, R>
    where
        S: Service<Req>,
    {
        core: Arc<Core<S, C, R>>,
        started: Option<Instant>,
        idempotent: Option<bool>,
        copy: Option<Req>,
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        // The first attempt, as it comes.
        First { #[pin] future: F },
        // It has failed. What follows is several times as large, and would be moved about with every call.
        Later { later: Pin<Box<Later<S, F>>> },
    }
}

pin_project! {
    struct Later<S, F> {
        operation: Operation,
        #[pin]
        stage: Stage<S, F>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, F> {
        Waiting { #[pin] sleep: Sleep },
        // A fresh clone, not ready yet.
        Readying { service: S },
        // An attempt, in a context with its number.
        Running { #[pin] scope: Scope<F> },
    }
}

impl<S: Service<Req>, Req, C, R> ResponseFuture<S, Req, C, R> {
    pub(crate) const fn new(
        core: Arc<Core<S, C, R>>,
        started: Option<Instant>,
        idempotent: Option<bool>,
        copy: Option<Req>,
        future: S::Future,
    ) -> Self {
        Self { core, started, idempotent, copy, state: State::First { future } }
    }
}

impl<S, Req, C, R> Future for ResponseFuture<S, Req, C, R>
where
    S: Service<Req> + Clone,
    C: Classifier<S::Response, S::Error>,
    R: Repeat<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let core = &**this.core;
        let request = |copy: &Option<Req>| Repeatability {
            idempotent: *this.idempotent,
            assume_idempotent: core.assume_idempotent,
            replayable: copy.is_some(),
        };
        if let StateProj::First { future } = this.state.as_mut().project() {
            // Returned as it came: taken apart, a large outcome would be copied once more.
            let polled = operation::first(&core.policy, || future.poll(cx));
            let Poll::Ready(outcome) = &polled else { return polled };
            let verdict = core.classifier.judge(outcome);
            let Some(class) = verdict.class() else {
                operation::succeeded_at_once(&core.policy);
                return polled;
            };
            let Poll::Ready(mut outcome) = polled else { unreachable!("it was ready just now") };
            let mut operation = Operation::new(*this.started);
            let request = request(this.copy);
            match operation.failed(&core.policy, &core.classifier, &mut outcome, class, request) {
                None => return Poll::Ready(outcome),
                Some(wait) => {
                    let later = Box::pin(Later { operation, stage: core.wait(wait) });
                    this.state.set(State::Later { later });
                }
            }
        }
        let StateProj::Later { later } = this.state.project() else {
            unreachable!("the first attempt has failed")
        };
        loop {
            let mut later = later.as_mut().project();
            let mut outcome = ready!(later.stage.as_mut().poll(later.operation, core, this.copy, cx));
            let request = request(this.copy);
            match later.operation.ended(&core.policy, &core.classifier, &mut outcome, request) {
                None => return Poll::Ready(outcome),
                Some(wait) => later.stage.set(core.wait(wait)),
            }
        }
    }
}

impl<S: Clone, F> Stage<S, F> {
    /// Waits, makes a fresh clone ready, calls it: to the outcome of the attempt.
    fn poll<Req, C, R>(
        mut self: Pin<&mut Self>,
        operation: &mut Operation,
        core: &Core<S, C, R>,
        copy: &mut Option<Req>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>>
    where
        S: Service<Req, Future = F>,
        F: Future<Output = Result<S::Response, S::Error>>,
        R: Repeat<Req>,
    {
        loop {
            let next = match self.as_mut().project() {
                StageProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    Self::Readying { service: core.service() }
                }
                StageProj::Readying { service } => {
                    // Attempts that never wait must let other tasks run all the same.
                    ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    let readiness = ready!(service.poll_ready(cx));
                    operation.next_attempt();
                    if let Err(error) = readiness {
                        return Poll::Ready(Err(error));
                    }
                    let request = copy.take().expect("a wait is only begun with a copy to send");
                    *copy = core.copy(operation.attempts() - 1, &request);
                    let mut frame = operation.frame(&core.policy);
                    let future = {
                        let _entered = frame.enter();
                        service.call(request)
                    };
                    Self::Running { scope: Scope::new(frame, future) }
                }
                StageProj::Running { scope } => return scope.poll(cx),
            };
            self.set(next);
        }
    }
}

impl<S: Clone, C, R> Core<S, C, R> {
    fn wait<F>(&self, wait: Duration) -> Stage<S, F> {
        if wait.is_zero() {
            Stage::Readying { service: self.service() }
        } else {
            Stage::Waiting { sleep: sleep(wait) }
        }
    }
}

impl<S: Service<Req>, Req, C, R> fmt::Debug for ResponseFuture<S, Req, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match &self.state {
            State::First { .. } => None,
            State::Later { later } => Some(&later.operation),
        };
        f.debug_struct("ResponseFuture").field("operation", &operation).finish_non_exhaustive()
    }
}
