//! `retry`: the policy around a closure, without a service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_context::Scope;
use buttress_error::{ByKind, Classifier, Verdict};
use pin_project_lite::pin_project;

use crate::attempt::{self, Attempts, Call, CallStart, InnerExhausted, RequestInfo, Retrying};
use crate::policy::{FirstAttempt, Policy, first_attempt, overriding_policy};

/// Calls `attempt` until it succeeds or `policy` stops.
///
/// The policy is borrowed, because it is built once and lives as long as the program: it owns the [`Budget`](crate::Budget)
/// that bounds the retries of all calls together. A policy that is built for each call has a new budget each time, which
/// bounds nothing. Keep it in a `static`, or in the struct that makes the calls:
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
/// A policy by value is refused. If many budgets are dropped after one call each, one warning is logged.
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
/// Give a spawned task a clone of the policy, which shares the budget: `async move { retry(&policy, …).await }`.
///
/// The operation counts as idempotent, unless [`not_idempotent`](RetryFuture::not_idempotent) or the
/// [`Context`](buttress_context::Context) says otherwise. While a retry runs, the context has the number of its attempt.
///
/// No attempt is cut. To limit each attempt, use a timeout in the closure. To limit the whole call, use the deadline of the
/// context, or [`max_elapsed`](crate::PolicyBuilder::max_elapsed), after which no attempt begins.
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
///     timeout(Duration::from_secs(2), fetch()).await? // of kind timeout: retried
/// }));
/// body.await?;
/// # Ok(()) }
/// ```
///
/// The future that the closure returns can't borrow from the closure. State that the attempts change belongs in a `Cell`, as
/// here, or behind a lock; values that they own are cloned for each attempt.
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
/// The error of the last attempt, stamped with a [summary](buttress_error::RetrySummary) if its type can store one.
///
/// # Panics
/// Outside a tokio runtime with timers, the future panics when it has to wait. Without a runtime:
/// [`retry_blocking`](crate::retry_blocking).
///
/// # Cancel safety
/// Dropping the future drops the attempt under way. A retry that is still waiting is given back to the budget.
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
        // The first attempt, in the caller's context.
        First {
            start: CallStart,
            // What an inner retry has exhausted in an earlier poll.
            inner: Option<InnerExhausted>,
            #[pin]
            future: Fut,
        },
        Retrying { retrying: Pin<Box<Retrying<Fut, O>>> },
    }
}

impl<'p, F, Fut: Future, C> RetryFuture<'p, F, Fut, C> {
    /// Sets the classifier that judges outcomes. For a closure see [`classify_with`](Self::classify_with).
    pub fn classifier<C2>(self, classifier: C2) -> RetryFuture<'p, F, Fut, C2> {
        let Self { policy, attempt, idempotent, .. } = self;
        RetryFuture { policy, attempt, classifier, idempotent, state: State::Idle }
    }

    /// Sets a closure that judges outcomes: whether each is a failure, and of which kind.
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
    /// If the error has a class, the closure can leave outcomes to [`ByKind`]: `outcome => ByKind.judge(outcome)`, with the
    /// trait [`Classifier`] in scope.
    ///
    /// A closure can't mark an outcome as exhausted. Where retries nest and failures cross tasks, implement [`Classifier`].
    pub fn classify_with<C2>(self, classifier: C2) -> RetryFuture<'p, F, Fut, C2>
    where
        C2: Fn(&Fut::Output) -> Verdict,
    {
        self.classifier(classifier)
    }

    /// Marks the operation as not idempotent: it is retried only if the failed attempt was provably not processed.
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

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let policy = *this.policy;
        if let StateProj::Idle = this.state.as_mut().project() {
            if first_attempt(policy) == FirstAttempt::Scoped {
                let retrying = Retrying::scoped(policy, overriding_policy(policy), &mut *this.attempt);
                this.state.set(State::Retrying { retrying });
            } else {
                let start = attempt::start(policy);
                // An inner retry may give up before its future is polled.
                let outer = attempt::enter();
                let future = (this.attempt)();
                let inner = attempt::leave(outer);
                this.state.set(State::First { start, inner, future });
            }
        }
        let request = RequestInfo::closure(*this.idempotent);
        if let StateProj::First { start, inner, future } = this.state.as_mut().project() {
            let outer = attempt::enter();
            let polled = future.poll(cx);
            *inner = attempt::leave(outer).or(*inner);
            let outcome = ready!(polled);
            if this.classifier.judge(&outcome).class().is_none() {
                start.succeeded(policy);
                return Poll::Ready(outcome);
            }
            match Retrying::after_first(*start, *inner, outcome, policy, this.classifier, request) {
                Ok(retrying) => this.state.set(State::Retrying { retrying }),
                Err(outcome) => return Poll::Ready(outcome),
            }
        }
        let StateProj::Retrying { retrying } = this.state.project() else {
            unreachable!("the first attempt has failed")
        };
        let mut attempts = ClosureAttempts { attempt: this.attempt, request };
        retrying.as_mut().poll(policy, this.classifier, &mut attempts, cx)
    }
}

/// Makes attempts by calls of a closure.
struct ClosureAttempts<'f, F> {
    attempt: &'f mut F,
    request: RequestInfo<'static>,
}

impl<F, Fut, T, E> Attempts<T, E> for ClosureAttempts<'_, F>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Future = Fut;

    fn request(&self) -> RequestInfo<'_> {
        self.request
    }

    fn poll_begin(
        &mut self,
        policy: &Policy,
        call: &mut Call<Result<T, E>>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Scope<Fut>, E>> {
        call.begin_attempt();
        Poll::Ready(Ok(call.scope(policy, &mut *self.attempt)))
    }
}

impl<F, Fut: Future, C> fmt::Debug for RetryFuture<'_, F, Fut, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = match &self.state {
            State::Idle | State::First { .. } => None,
            State::Retrying { retrying } => Some(retrying.call()),
        };
        f.debug_struct("RetryFuture").field("call", &call).finish_non_exhaustive()
    }
}
