use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use buttress_context::{Frame, Scope};
use buttress_error::Classifier;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::operation::{Operation, Repeatability};
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
        operation: Operation,
        idempotent: Option<bool>,
        copy: Option<Req>,
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        // The first attempt, in the caller's own context.
        First { #[pin] future: F },
        // A later attempt, in a context with its number.
        Scoped { #[pin] scope: Scope<F> },
        Waiting { #[pin] sleep: Sleep },
        // A fresh clone, not ready yet.
        Readying { service: S },
    }
}

impl<S: Service<Req>, Req, C, R> ResponseFuture<S, Req, C, R> {
    pub(crate) const fn first(
        core: Arc<Core<S, C, R>>,
        operation: Operation,
        idempotent: Option<bool>,
        copy: Option<Req>,
        future: S::Future,
    ) -> Self {
        Self { core, operation, idempotent, copy, state: State::First { future } }
    }

    pub(crate) const fn scoped(
        core: Arc<Core<S, C, R>>,
        operation: Operation,
        idempotent: Option<bool>,
        copy: Option<Req>,
        frame: Frame,
        future: S::Future,
    ) -> Self {
        let scope = Scope::new(frame, future);
        Self { core, operation, idempotent, copy, state: State::Scoped { scope } }
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
        loop {
            let mut outcome = match this.state.as_mut().project() {
                StateProj::First { future } => ready!(future.poll(cx)),
                StateProj::Scoped { scope } => ready!(scope.poll(cx)),
                StateProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Readying { service: core.service() });
                    continue;
                }
                StateProj::Readying { service } => {
                    // Attempts that never wait must let other tasks run all the same.
                    ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    match ready!(service.poll_ready(cx)) {
                        Err(error) => {
                            this.operation.next_attempt();
                            Err(error)
                        }
                        Ok(()) => {
                            this.operation.next_attempt();
                            let request = this.copy.take().expect("a wait is only begun with a copy to send");
                            *this.copy = core.copy(this.operation, &request);
                            let mut frame = this.operation.frame(&core.policy);
                            let future = {
                                let _entered = frame.enter();
                                service.call(request)
                            };
                            this.state.set(State::Scoped { scope: Scope::new(frame, future) });
                            continue;
                        }
                    }
                }
            };
            let request = Repeatability {
                idempotent: *this.idempotent,
                assume_idempotent: core.assume_idempotent,
                replayable: this.copy.is_some(),
            };
            match this.operation.ended(&core.policy, &core.classifier, &mut outcome, request) {
                None => return Poll::Ready(outcome),
                Some(wait) if wait.is_zero() => this.state.set(State::Readying { service: core.service() }),
                Some(wait) => this.state.set(State::Waiting { sleep: sleep(wait) }),
            }
        }
    }
}

impl<S: Service<Req>, Req, C, R> fmt::Debug for ResponseFuture<S, Req, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("operation", &self.operation).finish_non_exhaustive()
    }
}
