//! `retry`: the policy around a closure, without a service.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buttress_context::Scope;
use buttress_error::{ByKind, Classifier, Verdict};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::Policy;
use crate::attempt::driver::{self as operation, Begin, Next, Operation, Repeatability};
use crate::attempt::last_failure::Kept;
use crate::attempt::nested;
use crate::attempt::nested::GivenUp;
use crate::policy::overriding;
use crate::policy::overriding::Start;
use crate::rare::Rare;
use crate::remedy::Wait;

/// Calls `attempt` until it succeeds or `policy` says stop.
///
/// The policy is borrowed, because it is built once and lives as long as the program: it owns the [`Budget`](crate::Budget)
/// that bounds the retries of all calls together. A policy that is built for each call has a new budget for each call,
/// which bounds nothing. Keep it in a `static`, or in the struct that makes the calls:
///
/// ```
/// use std::sync::LazyLock;
/// use buttress_error::Error;
/// use buttress_retry::{Policy, retry};
///
/// static GATEWAY: LazyLock<Policy> = LazyLock::new(Policy::default);
///
/// async fn receipt(id: u32) -> Result<String, Error> {
///     # async fn fetch(_: u32) -> Result<String, Error> { Ok(String::new()) }
///     retry(&GATEWAY, || fetch(id)).await
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> { receipt(7).await.map(drop) }
/// ```
///
/// A policy by value is refused, and many budgets that are dropped after one call each are worth one warning in the log:
///
/// ```compile_fail,E0308
/// # use buttress_error::Error;
/// # use buttress_retry::{Policy, retry};
/// # async fn fetch(_: u32) -> Result<String, Error> { Ok(String::new()) }
/// # async fn receipt(id: u32) -> Result<String, Error> {
/// retry(Policy::default(), || fetch(id)).await
/// # }
/// ```
///
/// A spawned task takes a clone, which shares the budget: `async move { retry(&policy, …).await }`.
///
/// The operation is taken for idempotent, unless [`not_idempotent`](RetryFuture::not_idempotent) or the
/// [`Context`](buttress_context::Context) says otherwise. While an attempt after the first runs, its number stands in the
/// context.
///
/// It cuts no attempt: a limit for each is a timeout in the closure. A limit for all of them is the deadline of the
/// context, or [`max_elapsed`](crate::PolicyBuilder::max_elapsed), beyond which no attempt is begun.
///
/// ```
/// use std::time::Duration;
/// use buttress_context::Context;
/// use buttress_error::Error;
/// use buttress_retry::{Policy, retry};
/// use tokio::time::timeout;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Error> {
/// # async fn fetch() -> Result<String, Error> { Ok(String::new()) }
/// # let policy = Policy::default();
/// let cx = Context::current().with_timeout(Duration::from_secs(5));
/// let body = cx.scope(retry(&policy, || async {
///     timeout(Duration::from_secs(2), fetch()).await? // of kind timeout: repeated
/// }));
/// body.await?;
/// # Ok(()) }
/// ```
///
/// The future that the closure makes can't borrow from it: what the attempts change lies in a `Cell`, as here, or behind
/// a lock; what they own is cloned for each.
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
/// # Panics
/// Outside a tokio runtime with timers, the future panics when it has to wait. Without a runtime:
/// [`retry_blocking`](crate::retry_blocking).
///
/// # Cancel safety
/// Dropping the future drops the attempt under way; a retry that waits is given back to the budget.
pub const fn retry<F, Fut>(policy: &Policy, attempt: F) -> RetryFuture<'_, F, Fut>
where
    F: FnMut() -> Fut,
    Fut: Future,
{
    RetryFuture { policy, attempt, classifier: ByKind, idempotent: None, state: State::Idle }
}

pin_project! {
    /// The future of [`retry`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<'p, F, Fut, C = ByKind>
    where
        Fut: Future,
    {
        policy: &'p Policy,
        attempt: F,
        classifier: C,
        idempotent: Option<bool>,
        #[pin]
        state: State<Fut, Fut::Output>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Fut, O> {
        Idle,
        // The first attempt, as it comes, and what a retry further in has given up on in an earlier poll of it.
        First { begin: Begin, given_up: Option<GivenUp>, #[pin] future: Fut },
        // It has failed, or isn't run as it comes. This is several times as large, and would be moved about with every call.
        Later { later: Rare<Later<Fut, O>> },
    }
}

pin_project! {
    struct Later<Fut, O> {
        operation: Operation,
        // Where it isn't the function's.
        policy: Option<Box<Policy>>,
        kept: Kept<O>,
        #[pin]
        stage: Stage<Fut, O>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<Fut, O> {
        // A remedy is under way. If it doesn't heal, this was the outcome.
        Healing { healing: Wait, outcome: Option<O> },
        Waiting { #[pin] sleep: Sleep },
        Due,
        // An attempt, in a context with its number.
        Running { #[pin] scope: Scope<Fut> },
    }
}

impl<'p, F, Fut: Future, C> RetryFuture<'p, F, Fut, C> {
    /// Judges outcomes with `classifier`. For a closure see [`classify_with`](Self::classify_with).
    pub fn classifier<C2>(self, classifier: C2) -> RetryFuture<'p, F, Fut, C2> {
        let Self { policy, attempt, idempotent, .. } = self;
        RetryFuture { policy, attempt, classifier, idempotent, state: State::Idle }
    }

    /// Judges outcomes with a closure: what is to be repeated, and of which kind it is.
    ///
    /// ```
    /// use buttress_error::{Kind, Verdict};
    /// use buttress_retry::{Policy, retry};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// async fn poll_job(id: u32) -> Result<Option<&'static str>, String> {
    ///     # use std::sync::atomic::{AtomicU32, Ordering};
    ///     # static POLLS: AtomicU32 = AtomicU32::new(0);
    ///     # Ok((POLLS.fetch_add(1, Ordering::Relaxed) > 0).then_some("done"))
    /// }
    ///
    /// # let policy = Policy::default();
    /// let job = retry(&policy, || poll_job(7)).classify_with(|outcome| match outcome {
    ///     Ok(Some(_)) => Verdict::success(),
    ///     Ok(None) => Verdict::failure(Kind::Unavailable), // not yet: again
    ///     Err(text) if text.contains("busy") => Verdict::failure(Kind::Throttled), // again, with longer waits
    ///     Err(_) => Verdict::failure(Kind::Internal), // never again
    /// });
    /// assert_eq!(job.await, Ok(Some("done")));
    /// # }
    /// ```
    ///
    /// What it does not want to judge it leaves to [`ByKind`], if the error knows its class:
    /// `outcome => ByKind.judge(outcome)`, with the trait [`Classifier`] in scope.
    ///
    /// A closure can't mark an outcome as given up: where retries nest, and failures go from task to task, implement
    /// [`Classifier`].
    pub fn classify_with<C2>(self, classifier: C2) -> RetryFuture<'p, F, Fut, C2>
    where
        C2: Fn(&Fut::Output) -> Verdict,
    {
        self.classifier(classifier)
    }

    /// Repeats only what provably was not sent: the operation may not be done twice.
    pub const fn not_idempotent(mut self) -> Self {
        self.idempotent = Some(false);
        self
    }
}

impl<F, Fut, C, T, E> Future for RetryFuture<'_, F, Fut, C>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    C: Classifier<T, E>,
{
    type Output = Result<T, E>;

    // A success is all that is in line, and no part of `self` but a box is lent to what isn't: in most callers this needs
    // no memory.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let policy = *this.policy;
        let mut entered = None;
        if let StateProj::Idle = this.state.as_mut().project() {
            if overriding::start(policy) == Start::Apart {
                // It goes its own way from here, so that the future of other calls is made in one place.
                this.state.set(State::Later { later: begin_apart(policy, &mut *this.attempt) });
                let StateProj::Later { later } = this.state.project() else {
                    unreachable!("it was just set")
                };
                return later.get().poll(policy, this.classifier, *this.idempotent, this.attempt, cx);
            }
            let begin = operation::begin(policy);
            // A retry further in may give up already as the future is made.
            entered = Some(nested::enter());
            this.state.set(State::First { begin, given_up: None, future: (this.attempt)() });
        }
        if let StateProj::First { begin, given_up, future } = this.state.as_mut().project() {
            let outer = entered.unwrap_or_else(nested::enter);
            let polled = future.poll(cx);
            let inner = nested::leave(outer);
            let Poll::Ready(outcome) = polled else {
                *given_up = inner.or(*given_up);
                return Poll::Pending;
            };
            if this.classifier.judge(&outcome).class().is_none() {
                operation::succeeded_at_once(policy);
                return Poll::Ready(outcome);
            }
            let first = First { begin: *begin, given_up: inner.or(*given_up), outcome };
            match first.failed(policy, this.classifier, *this.idempotent) {
                Err(outcome) => return Poll::Ready(outcome),
                Ok(later) => this.state.set(State::Later { later }),
            }
        }
        let StateProj::Later { later } = this.state.project() else { unreachable!("it has begun") };
        later.get().poll(policy, this.classifier, *this.idempotent, this.attempt, cx)
    }
}

impl<Fut: Future<Output = Result<T, E>>, T, E> Later<Fut, Result<T, E>> {
    #[cold]
    #[inline(never)]
    fn poll(
        self: Pin<&mut Self>,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        idempotent: Option<bool>,
        attempt: &mut impl FnMut() -> Fut,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, E>> {
        let mut this = self.project();
        let policy = this.policy.as_deref().unwrap_or(policy);
        loop {
            let polled = this.operation.attempt(|operation| {
                this.stage.as_mut().poll(operation, policy, classifier, attempt, this.kept, cx)
            });
            let outcome = ready!(polled);
            let next = this.operation.ended(
                policy,
                classifier,
                outcome,
                this.kept,
                Repeatability::of_closure(idempotent),
            );
            match Stage::new(next) {
                Ok(stage) => this.stage.set(stage),
                Err(outcome) => return Poll::Ready(outcome),
            }
        }
    }
}

/// Begins a call whose first attempt isn't run as it comes: see [`Start::Apart`].
#[cold]
#[inline(never)]
fn begin_apart<Fut: Future>(policy: &Policy, attempt: impl FnOnce() -> Fut) -> Rare<Later<Fut, Fut::Output>> {
    let own = overriding::policy(policy);
    let policy = own.as_deref().unwrap_or(policy);
    let mut operation = Operation::new(operation::begin(policy), None);
    let scope = operation.attempt(|operation| operation.begin(policy, attempt));
    Rare::new(Later { operation, policy: own, kept: Kept::new(), stage: Stage::Running { scope } })
}

/// A first attempt that has failed.
struct First<O> {
    begin: Begin,
    given_up: Option<GivenUp>,
    outcome: O,
}

impl<T, E> First<Result<T, E>> {
    /// What follows, or the outcome if nothing does.
    #[cold]
    #[inline(never)]
    #[expect(clippy::type_complexity, reason = "said once")]
    fn failed<Fut: Future<Output = Result<T, E>>>(
        self,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        idempotent: Option<bool>,
    ) -> Result<Rare<Later<Fut, Result<T, E>>>, Result<T, E>> {
        let Self { begin, given_up, outcome } = self;
        let (mut operation, mut kept) = (Operation::new(begin, given_up), Kept::new());
        let request = Repeatability::of_closure(idempotent);
        let stage = Stage::new(operation.ended(policy, classifier, outcome, &mut kept, request))?;
        Ok(Rare::new(Later { operation, policy: None, kept, stage }))
    }
}

impl<Fut: Future<Output = Result<T, E>>, T, E> Stage<Fut, Result<T, E>> {
    /// The stage that follows an attempt, or the outcome of the call.
    fn new(next: Next<Result<T, E>>) -> Result<Self, Result<T, E>> {
        match next {
            Next::Done(outcome) => Err(outcome),
            Next::Heal(healing, outcome) => {
                Ok(Self::Healing { healing: healing.wait(), outcome: Some(outcome) })
            }
            Next::Wait(Duration::ZERO) => Ok(Self::Due),
            Next::Wait(wait) => Ok(Self::Waiting { sleep: sleep(wait) }),
        }
    }

    /// Waits and makes the attempt: to its outcome, or that of the one before, if a remedy was to heal that and has not.
    fn poll(
        mut self: Pin<&mut Self>,
        operation: &mut Operation,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        attempt: &mut impl FnMut() -> Fut,
        kept: &mut Kept<Result<T, E>>,
        cx: &mut Context<'_>,
    ) -> Poll<Fut::Output> {
        loop {
            let next = match self.as_mut().project() {
                StageProj::Healing { healing, outcome } => {
                    let healed = ready!(healing.as_mut().poll(cx));
                    let outcome = outcome.take().expect("it is taken when the remedy is over");
                    match operation.remedied(healed, policy, classifier, outcome, kept, None) {
                        Ok(()) => Self::Due,
                        Err(outcome) => return Poll::Ready(outcome),
                    }
                }
                StageProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    Self::Due
                }
                StageProj::Due => {
                    // Attempts that never wait must let other tasks run all the same.
                    ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    operation.next_attempt();
                    Self::Running { scope: operation.begin(policy, &mut *attempt) }
                }
                StageProj::Running { scope } => return scope.poll(cx),
            };
            self.set(next);
        }
    }
}

impl<F, Fut: Future, C> fmt::Debug for RetryFuture<'_, F, Fut, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match &self.state {
            State::Idle | State::First { .. } => None,
            State::Later { later } => later.as_ref().map(|later| &later.operation),
        };
        f.debug_struct("RetryFuture").field("operation", &operation).finish_non_exhaustive()
    }
}
