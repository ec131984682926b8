//! `retry`: the policy around a closure, without a service.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use buttress_context::Scope;
use buttress_error::{ByKind, Classifier};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::Policy;
use crate::operation::{Operation, Repeatability};

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
    RetryFuture { policy, attempt, classifier: ByKind, idempotent: None, operation: None, state: State::Idle }
}

pin_project! {
    /// The future of [`retry`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<P, F, Fut, C = ByKind> {
        policy: P,
        attempt: F,
        classifier: C,
        idempotent: Option<bool>,
        operation: Option<Operation>,
        #[pin]
        state: State<Fut>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Fut> {
        Idle,
        // The first attempt, in the caller's own context.
        First { #[pin] future: Fut },
        // A later attempt, in a context with its number.
        Scoped { #[pin] scope: Scope<Fut> },
        Waiting { #[pin] sleep: Sleep },
    }
}

impl<P, F, Fut, C> RetryFuture<P, F, Fut, C> {
    /// Judges outcomes with `classifier`.
    pub fn classifier<C2>(self, classifier: C2) -> RetryFuture<P, F, Fut, C2> {
        let Self { policy, attempt, idempotent, .. } = self;
        RetryFuture { policy, attempt, classifier, idempotent, operation: None, state: State::Idle }
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
        loop {
            let mut outcome = match this.state.as_mut().project() {
                StateProj::First { future } => ready!(future.poll(cx)),
                StateProj::Scoped { scope } => ready!(scope.poll(cx)),
                StateProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Idle);
                    continue;
                }
                StateProj::Idle => {
                    let again = this.operation.is_some();
                    if again {
                        // Attempts that never wait must let other tasks run all the same.
                        ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    }
                    let operation = this.operation.get_or_insert_with(|| Operation::begin(policy));
                    if again {
                        operation.next_attempt();
                    }
                    let next = if again || policy.outermost_owns() {
                        let mut frame = operation.frame(policy);
                        let future = {
                            let _entered = frame.enter();
                            (this.attempt)()
                        };
                        State::Scoped { scope: Scope::new(frame, future) }
                    } else {
                        State::First { future: (this.attempt)() }
                    };
                    this.state.set(next);
                    continue;
                }
            };
            let operation = this.operation.as_mut().expect("an attempt has been begun");
            let request =
                Repeatability { idempotent: *this.idempotent, assume_idempotent: true, replayable: true };
            match operation.ended(policy, this.classifier, &mut outcome, request) {
                None => return Poll::Ready(outcome),
                Some(wait) if wait.is_zero() => this.state.set(State::Idle),
                Some(wait) => this.state.set(State::Waiting { sleep: sleep(wait) }),
            }
        }
    }
}

impl<P, F, Fut, C> fmt::Debug for RetryFuture<P, F, Fut, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").field("operation", &self.operation).finish_non_exhaustive()
    }
}
