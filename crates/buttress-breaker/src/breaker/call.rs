//! `Call`: an admitted call that has not ended, as futures and permits hold it.

use std::borrow::Borrow;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;
use std::{fmt, mem, thread};

use buttress_context::{CallerClock, Context};
use buttress_error::{Cause, Class, Classifier, Completion, CompletionObserver, Error, Kind, Verdict};

use crate::breaker::Breaker;
use crate::circuit::outcome::{FailureDetail, Outcome};
use crate::circuit::pass::Pass;
use crate::circuit::time::nanos;

/// An admitted call of a breaker that is owned or borrowed. Its holder must settle it: [`CallGuard`] and
/// [`AbandonOnDrop`] do.
pub(crate) struct Call<B> {
    breaker: B,
    pass: Pass,
    /// The time in which it waits for its own caller, if that is measured.
    caller: Option<CallerClock>,
}

/// Abandons a call that is dropped before it is settled. A panic that drops it is not one of the inner service.
pub(crate) struct AbandonOnDrop(pub(crate) Call<Breaker>);

/// Settles a call that is dropped before it is settled: as a panic while the thread panics, else as abandoned.
pub(crate) struct CallGuard<B: Borrow<Breaker>>(Call<B>);

impl<B: Borrow<Breaker>> Call<B> {
    #[inline]
    pub(crate) const fn new(breaker: B, pass: Pass) -> Self {
        Self { breaker, pass, caller: None }
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        self.breaker.borrow()
    }

    /// Records the outcome of the call.
    #[inline]
    pub(crate) fn conclude<T, E>(&mut self, classifier: &impl Classifier<T, E>, outcome: &Result<T, E>) {
        let judging = NeutralOnPanic(self);
        judging.0.exclude_caller();
        let verdict = classifier.judge(outcome);
        if verdict.is_success() {
            match classifier.completion(outcome) {
                None => judging.0.succeed(),
                Some(completion) => judging.0.defer(&completion),
            }
        } else {
            judging.0.conclude_failure(classifier, outcome, &verdict);
        }
        mem::forget(judging);
    }

    #[cold]
    fn conclude_failure<T, E>(
        &mut self,
        classifier: &impl Classifier<T, E>,
        outcome: &Result<T, E>,
        verdict: &Verdict,
    ) {
        if cut_by_caller(verdict) {
            self.abandon();
        } else {
            self.record(verdict, || classifier.keep(outcome));
        }
    }

    #[inline]
    pub(crate) fn succeed(&mut self) {
        // By reference: a copy would cost more than the rest.
        if self.breaker().count_success(&self.pass) {
            self.release();
        } else {
            self.settle_success();
        }
    }

    /// Returns the pass, with which the call is settled elsewhere.
    #[inline]
    pub(crate) const fn release(&mut self) -> Pass {
        self.pass.take()
    }

    #[cold]
    #[inline(never)]
    fn settle_success(&mut self) {
        self.settle(Outcome::Success, None);
    }

    /// Records the verdict. `keep` returns the error for later rejections, and is called for failures only.
    pub(crate) fn record(&mut self, verdict: &Verdict, keep: impl FnOnce() -> Option<Error>) {
        let failure = verdict.is_failure().then(|| {
            let class = verdict.class().copied().unwrap_or(Class::new(Kind::Unknown));
            FailureDetail::new(Cause::new(&class, keep()), class.retry_after)
        });
        self.settle(verdict.into(), failure);
    }

    /// Leaves the call in flight until the rest of its response has arrived.
    #[cold]
    fn defer(&mut self, completion: &Completion) {
        self.begin_wait();
        completion.observe(Box::new(AbandonOnDrop(Call::new(self.breaker().clone(), self.release()))));
    }

    /// Subtracts the time in which the call has waited for its own caller from its duration.
    #[inline]
    fn exclude_caller(&mut self) {
        if self.caller.is_some() {
            self.replace_clock(None);
        }
    }

    /// Subtracts the time of the present clock, and goes on with `next`, the clock of another attempt.
    #[cold]
    fn replace_clock(&mut self, next: Option<CallerClock>) {
        if let Some(clock) = mem::replace(&mut self.caller, next)
            && self.pass.is_timed()
        {
            self.pass.set_started(self.pass.started().saturating_add(nanos(clock.read().waited)));
        }
    }

    /// The inner service is pending on an attempt with this clock.
    #[cold]
    fn use_clock(&mut self, clock: CallerClock) {
        if !self.caller.as_ref().is_some_and(|own| own.is_same(&clock)) {
            self.replace_clock(Some(clock));
        }
    }

    /// The inner service is pending. It has published a clock if the call may wait for its own caller.
    #[inline]
    pub(crate) fn pending(&mut self) {
        self.begin_wait();
        if let Some(clock) = CallerClock::published() {
            self.use_clock(clock);
        }
    }

    /// The call may be dropped from now on, so its beginning must be known.
    #[inline]
    pub(crate) fn begin_wait(&mut self) {
        if !self.pass.is_timed() && self.breaker().fast_path().times_dropped_calls() {
            self.start_clock();
        }
    }

    #[inline(never)]
    fn start_clock(&mut self) {
        self.pass.set_started(self.breaker().now());
    }

    /// The call was dropped, or cut short by its caller's deadline.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&mut self) {
        self.exclude_caller();
        self.settle(Outcome::Abandoned, Some(FailureDetail::unanswered()));
    }

    /// The rest of the response was dropped after it had been missing for `waited`.
    pub(crate) fn abandon_rest(&mut self, waited: Duration) {
        self.pass.set_started(self.breaker().now().saturating_sub(nanos(waited)));
        self.abandon();
    }

    /// The call panicked, unless it was settled before.
    #[cold]
    pub(crate) fn panicked(&mut self) {
        if self.is_settled() {
            return;
        }
        let cause = Cause::new(&Class::new(Kind::Panic), None);
        self.settle(Outcome::Failure, Some(FailureDetail::new(cause, None)));
    }

    #[cold]
    #[inline(never)]
    fn dropped(&mut self) {
        if thread::panicking() {
            self.panicked();
        } else {
            self.abandon();
        }
    }

    pub(crate) const fn is_settled(&self) -> bool {
        self.pass.is_settled()
    }

    pub(crate) fn settle(&mut self, outcome: Outcome, failure: Option<FailureDetail>) {
        let pass = self.pass.take();
        self.breaker().settle(&pass, outcome, failure);
    }
}

impl AbandonOnDrop {
    pub(crate) const fn new(call: Call<Breaker>) -> Self {
        Self(call)
    }

    /// Polls the call, and settles it when it ends.
    #[inline]
    pub(crate) fn poll<F, C, T, E>(
        &mut self,
        inner: Pin<&mut F>,
        classifier: &C,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<T, E>,
    {
        let guard = FailOnPanic(&mut self.0);
        CallerClock::clear();
        let polled = inner.poll(cx);
        match &polled {
            Poll::Ready(outcome) => guard.0.conclude(classifier, outcome),
            Poll::Pending => guard.0.pending(),
        }
        mem::forget(guard);
        polled
    }
}

impl Drop for AbandonOnDrop {
    #[inline]
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.abandon();
        }
    }
}

/// Travels with the body of a response, as a [`Completion`].
impl CompletionObserver for AbandonOnDrop {
    fn completed(mut self: Box<Self>, verdict: &Verdict) {
        self.0.record(verdict, || None);
    }

    fn abandoned(mut self: Box<Self>, waited: Duration) {
        self.0.abandon_rest(waited);
    }
}

impl<B: Borrow<Breaker>> CallGuard<B> {
    #[inline]
    pub(crate) const fn new(breaker: B, pass: Pass) -> Self {
        Self(Call::new(breaker, pass))
    }
}

impl<B: Borrow<Breaker>> Deref for CallGuard<B> {
    type Target = Call<B>;

    #[inline]
    fn deref(&self) -> &Call<B> {
        &self.0
    }
}

impl<B: Borrow<Breaker>> DerefMut for CallGuard<B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Call<B> {
        &mut self.0
    }
}

impl<B: Borrow<Breaker>> Drop for CallGuard<B> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_settled() {
            self.dropped();
        }
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for CallGuard<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("breaker", &self.breaker().name()).finish_non_exhaustive()
    }
}

/// Records a panic of the inner future at once, even if someone catches it and keeps the future.
struct FailOnPanic<'f>(&'f mut Call<Breaker>);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        self.0.panicked();
    }
}

/// Makes the call neutral if its classifier panics, which does not describe the dependency.
struct NeutralOnPanic<'c, B: Borrow<Breaker>>(&'c mut Call<B>);

impl<B: Borrow<Breaker>> Drop for NeutralOnPanic<'_, B> {
    #[cold]
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.settle(Outcome::Neutral, None);
        }
    }
}

/// Returns `true` for a timeout at the moment when the caller's own deadline is over. An inner attempt timeout is at most what
/// the deadline leaves, so such a timeout says as little about the dependency as a dropped call.
fn cut_by_caller(verdict: &Verdict) -> bool {
    let timed_out = matches!(verdict.class(), Some(class) if matches!(class.kind, Kind::Timeout | Kind::DeadlineExceeded));
    timed_out && Context::read(|cx| cx.deadline().remaining()).is_some_and(|left| left.is_zero())
}
