//! `retry`: the policy around a closure, without a service.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buttress_context::Scope;
use buttress_error::{ByKind, Classifier};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use crate::Policy;
use crate::operation::{self, Operation, Repeatability};

/// Calls `attempt` until it succeeds or `policy` (a reference or a value) says stop.
///
/// The operation is taken for idempotent, unless [`not_idempotent`](RetryFuture::not_idempotent) or the
/// [`Context`](buttress_context::Context) says otherwise. While an attempt after the first runs, its number stands in the
/// context.
///
/// # Examples
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_retry::{Policy, retry};
///
/// async fn fetch(attempts: &mut u32) -> Result<&'static str, Error> {
///     *attempts += 1;
///     if *attempts < 3 { Err(Error::new(Kind::Unavailable, "not yet")) } else { Ok("done") }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Error> {
/// let policy = Policy::default();
/// let attempts = std::cell::Cell::new(0);
/// let body = retry(&policy, || {
///     let mut n = attempts.get();
///     attempts.set(n + 1);
///     async move { fetch(&mut n).await }
/// })
/// .await?;
/// assert_eq!((body, attempts.get()), ("done", 3));
/// # Ok(()) }
/// ```
///
/// # Errors
/// The last attempt's own error, stamped with what was done where its type can hold that.
///
/// # Cancel safety
/// Dropping the future drops the attempt under way; a retry that waits is given back to the budget.
pub const fn retry<P, F, Fut>(policy: P, attempt: F) -> RetryFuture<P, F, Fut>
where
    P: Borrow<Policy>,
    F: FnMut() -> Fut,
    Fut: Future,
{
    RetryFuture { policy, attempt, classifier: ByKind, idempotent: None, state: State::Idle }
}

pin_project! {
    /// The future of [`retry`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<P, F, Fut, C = ByKind> {
        policy: P,
        attempt: F,
        classifier: C,
        idempotent: Option<bool>,
        #[pin]
        state: State<Fut>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Fut> {
        Idle,
        // The first attempt, as it comes.
        First { started: Option<Instant>, #[pin] future: Fut },
        // It has failed. What follows is several times as large, and would be moved about with every call.
        Later { later: Pin<Box<Later<Fut>>> },
    }
}

pin_project! {
    struct Later<Fut> {
        operation: Operation,
        #[pin]
        stage: Stage<Fut>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<Fut> {
        Waiting { #[pin] sleep: Sleep },
        Due,
        // An attempt, in a context with its number.
        Running { #[pin] scope: Scope<Fut> },
    }
}

impl<P, F, Fut, C> RetryFuture<P, F, Fut, C> {
    /// Judges outcomes with `classifier`.
    pub fn classifier<C2>(self, classifier: C2) -> RetryFuture<P, F, Fut, C2> {
        let Self { policy, attempt, idempotent, .. } = self;
        RetryFuture { policy, attempt, classifier, idempotent, state: State::Idle }
    }

    /// Repeats only what provably was not sent: the operation may not be done twice.
    pub const fn not_idempotent(mut self) -> Self {
        self.idempotent = Some(false);
        self
    }
}

impl<P, F, Fut, C, T, E> Future for RetryFuture<P, F, Fut, C>
where
    P: Borrow<Policy>,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    C: Classifier<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let policy = (*this.policy).borrow();
        let request =
            Repeatability { idempotent: *this.idempotent, assume_idempotent: true, replayable: true };
        if let StateProj::Idle = this.state.as_mut().project() {
            let started = operation::begin(policy);
            let future = operation::first(policy, &mut *this.attempt);
            this.state.set(State::First { started, future });
        }
        if let StateProj::First { started, future } = this.state.as_mut().project() {
            let mut outcome = ready!(operation::first(policy, || future.poll(cx)));
            let verdict = this.classifier.judge(&outcome);
            let Some(class) = verdict.class() else {
                operation::succeeded_at_once(policy);
                return Poll::Ready(outcome);
            };
            let mut operation = Operation::new(*started);
            match operation.failed(policy, &*this.classifier, &mut outcome, class, request) {
                None => return Poll::Ready(outcome),
                Some(wait) => {
                    let later = Box::pin(Later { operation, stage: Stage::wait(wait) });
                    this.state.set(State::Later { later });
                }
            }
        }
        let StateProj::Later { later } = this.state.project() else {
            unreachable!("the first attempt has failed")
        };
        loop {
            let mut later = later.as_mut().project();
            let mut outcome = ready!(later.stage.as_mut().poll(later.operation, policy, this.attempt, cx));
            match later.operation.ended(policy, &*this.classifier, &mut outcome, request) {
                None => return Poll::Ready(outcome),
                Some(wait) => later.stage.set(Stage::wait(wait)),
            }
        }
    }
}

impl<Fut: Future> Stage<Fut> {
    fn wait(wait: Duration) -> Self {
        if wait.is_zero() { Self::Due } else { Self::Waiting { sleep: sleep(wait) } }
    }

    /// Waits and makes the attempt: to its outcome.
    fn poll(
        mut self: Pin<&mut Self>,
        operation: &mut Operation,
        policy: &Policy,
        attempt: &mut impl FnMut() -> Fut,
        cx: &mut Context<'_>,
    ) -> Poll<Fut::Output> {
        loop {
            let next = match self.as_mut().project() {
                StageProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    Self::Due
                }
                StageProj::Due => {
                    // Attempts that never wait must let other tasks run all the same.
                    ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    operation.next_attempt();
                    let mut frame = operation.frame(policy);
                    let future = {
                        let _entered = frame.enter();
                        attempt()
                    };
                    Self::Running { scope: Scope::new(frame, future) }
                }
                StageProj::Running { scope } => return scope.poll(cx),
            };
            self.set(next);
        }
    }
}

impl<P, F, Fut, C> fmt::Debug for RetryFuture<P, F, Fut, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match &self.state {
            State::Idle | State::First { .. } => None,
            State::Later { later } => Some(&later.operation),
        };
        f.debug_struct("RetryFuture").field("operation", &operation).finish_non_exhaustive()
    }
}
