//! `Call` and `Admitted`: an admitted call that has not ended yet, as futures and permits hold it.

use std::borrow::Borrow;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;
use std::{fmt, mem, thread};

use buttress_context::{CallerClock, Context};
use buttress_error::{Cause, Class, Classifier, Completion, CompletionObserver, Error, Kind, Verdict};

use crate::breaker::Breaker;
use crate::circuit::change::{Failure, Mark};
use crate::circuit::pass::Pass;
use crate::circuit::time::nanos;

/// An admitted call of a breaker that is held or borrowed. It is settled in place, since moving it would cost more than
/// settling it; whoever has it sees to it that it is.
pub(crate) struct Call<B> {
    breaker: B,
    pass: Pass,
    /// The time in which it waits for its own caller, where anyone measures that.
    caller: Option<CallerClock>,
}

/// An admitted call that is abandoned when it is dropped unsettled. By a panic somewhere else, too: that is none of the inner
/// service.
pub(crate) struct Held(pub(crate) Call<Breaker>);

impl Held {
    pub(crate) const fn new(call: Call<Breaker>) -> Self {
        Self(call)
    }

    /// Polls the call, and settles it when it ends.
    #[inline(always)]
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
        let watch = OnPanic(&mut self.0);
        CallerClock::clear();
        let polled = match inner.poll(cx) {
            // Taken apart: mostly a response is smaller than the outcome that has room for it, and moved faster.
            Poll::Ready(Ok(response)) => {
                let outcome = Ok(opaque(response));
                watch.0.conclude(classifier, &outcome);
                Poll::Ready(outcome)
            }
            Poll::Ready(Err(error)) => {
                let outcome = Err(error);
                watch.0.conclude_apart(classifier, &outcome);
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                watch.0.pend();
                Poll::Pending
            }
        };
        mem::forget(watch);
        polled
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.abandon();
        }
    }
}

/// Travels with the body of a response, as a [`Completion`].
impl CompletionObserver for Held {
    fn completed(mut self: Box<Self>, verdict: &Verdict) {
        self.0.judged(verdict, || None);
    }

    fn abandoned(mut self: Box<Self>, waited: Duration) {
        self.0.abandon_after(waited);
    }
}

/// A call while its classifier judges it. A panic there says nothing about the dependency: the call is neutral.
struct Judging<'c, B: Borrow<Breaker>>(&'c mut Call<B>);

impl<B: Borrow<Breaker>> Drop for Judging<'_, B> {
    #[cold]
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.settle(Mark::Neutral, None);
        }
    }
}

/// An admitted call that settles itself: dropped unsettled, it is abandoned or has panicked.
pub(crate) struct Admitted<B: Borrow<Breaker>>(Call<B>);

impl<B: Borrow<Breaker>> Admitted<B> {
    #[inline]
    pub(crate) const fn new(breaker: B, pass: Pass) -> Self {
        Self(Call::new(breaker, pass))
    }
}

impl<B: Borrow<Breaker>> Call<B> {
    #[inline]
    pub(crate) const fn new(breaker: B, pass: Pass) -> Self {
        Self { breaker, pass, caller: None }
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        self.breaker.borrow()
    }

    /// The call ended with this outcome.
    #[inline]
    pub(crate) fn conclude<T, E>(&mut self, classifier: &impl Classifier<T, E>, outcome: &Result<T, E>) {
        let judging = Judging(self);
        judging.0.exclude_caller();
        let verdict = classifier.judge(outcome);
        if verdict.is_success() {
            match classifier.completion(outcome) {
                None => judging.0.succeed(),
                Some(completion) => judging.0.defer(&completion),
            }
        } else {
            judging.0.conclude_badly(classifier, outcome, &verdict);
        }
        mem::forget(judging);
    }

    /// The same, where the outcome is an error: a success all the same, perhaps, but no reason for two ways in line.
    #[cold]
    #[inline(never)]
    pub(crate) fn conclude_apart<T, E>(
        &mut self,
        classifier: &impl Classifier<T, E>,
        outcome: &Result<T, E>,
    ) {
        self.conclude(classifier, outcome);
    }

    /// Apart, so that the good way is short enough to stand in line.
    #[cold]
    fn conclude_badly<T, E>(
        &mut self,
        classifier: &impl Classifier<T, E>,
        outcome: &Result<T, E>,
        verdict: &Verdict,
    ) {
        if cut_by_caller(verdict) {
            self.abandon();
        } else {
            self.judged(verdict, || classifier.keep(outcome));
        }
    }

    #[inline]
    pub(crate) fn succeed(&mut self) {
        // By reference: a copy would be what most of this costs.
        if self.breaker().count_success(&self.pass) {
            self.release();
        } else {
            self.settle_success();
        }
    }

    /// The call is settled elsewhere, with this.
    #[inline]
    pub(crate) const fn release(&mut self) -> Pass {
        self.pass.take()
    }

    #[cold]
    #[inline(never)]
    fn settle_success(&mut self) {
        self.settle(Mark::Success, None);
    }

    /// `keep` gives the error itself, for later rejections; it is asked for failures only.
    pub(crate) fn judged(&mut self, verdict: &Verdict, keep: impl FnOnce() -> Option<Error>) {
        let failure = verdict.is_failure().then(|| {
            let class = verdict.class().copied().unwrap_or(Class::new(Kind::Unknown));
            Failure::new(Cause::new(&class, keep()), class.retry_after)
        });
        self.settle(verdict.into(), failure);
    }

    /// The response is there, but not all of it.
    #[cold]
    fn defer(&mut self, completion: &Completion) {
        self.wait();
        completion.observe(Box::new(Held(Call::new(self.breaker().clone(), self.release()))));
    }

    /// Leaves the time in which the call has waited for its own caller out of its duration.
    #[inline]
    fn exclude_caller(&mut self) {
        if self.caller.is_some() {
            self.exclude(None);
        }
    }

    /// The same, when another attempt of the call is under way, which has the clock `next`.
    #[cold]
    fn exclude(&mut self, next: Option<CallerClock>) {
        if let Some(clock) = mem::replace(&mut self.caller, next)
            && self.pass.is_timed()
        {
            self.pass.began(self.pass.at().saturating_add(nanos(clock.read().waited)));
        }
    }

    /// The inner service is pending on an attempt with this clock.
    #[cold]
    fn follow(&mut self, clock: CallerClock) {
        if !self.caller.as_ref().is_some_and(|own| own.is_same(&clock)) {
            self.exclude(Some(clock));
        }
    }

    /// The inner service is pending. A clock that it has published says for whom.
    #[inline]
    pub(crate) fn pend(&mut self) {
        self.wait();
        if let Some(clock) = CallerClock::published() {
            self.follow(clock);
        }
    }

    /// The call is not over yet, and may be dropped from now on.
    #[inline]
    pub(crate) fn wait(&mut self) {
        if !self.pass.is_timed() && self.breaker().gate().is_patient() {
            self.begin();
        }
    }

    #[inline(never)]
    fn begin(&mut self) {
        self.pass.began(self.breaker().now());
    }

    /// The call was dropped, or cut short by its caller's deadline.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&mut self) {
        self.exclude_caller();
        self.settle(Mark::Abandoned, Some(Failure::unanswered()));
    }

    /// The rest of the response was dropped, having been waited for so long.
    pub(crate) fn abandon_after(&mut self, waited: Duration) {
        self.pass.began(self.breaker().now().saturating_sub(nanos(waited)));
        self.abandon();
    }

    /// The call panicked, unless it was settled before.
    #[cold]
    pub(crate) fn panicked(&mut self) {
        if self.is_settled() {
            return;
        }
        let cause = Cause::new(&Class::new(Kind::Panic), None);
        self.settle(Mark::Failure, Some(Failure::new(cause, None)));
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
        self.pass.is_taken()
    }

    pub(crate) fn settle(&mut self, mark: Mark, failure: Option<Failure>) {
        let pass = self.pass.take();
        self.breaker().settle(&pass, mark, failure);
    }
}

impl<B: Borrow<Breaker>> Deref for Admitted<B> {
    type Target = Call<B>;

    #[inline]
    fn deref(&self) -> &Call<B> {
        &self.0
    }
}

impl<B: Borrow<Breaker>> DerefMut for Admitted<B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Call<B> {
        &mut self.0
    }
}

impl<B: Borrow<Breaker>> Drop for Admitted<B> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_settled() {
            self.dropped();
        }
    }
}

impl<B: Borrow<Breaker>> fmt::Debug for Admitted<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("breaker", &self.breaker().name()).finish_non_exhaustive()
    }
}

/// A timeout at the moment when the caller's own deadline is over says no more about the dependency than a dropped
/// call: an inner attempt timeout is at most what the deadline leaves.
fn cut_by_caller(verdict: &Verdict) -> bool {
    let timed_out = matches!(verdict.class(), Some(class) if matches!(class.kind, Kind::Timeout | Kind::DeadlineExceeded));
    timed_out && Context::read(|cx| cx.deadline().remaining()).is_some_and(|left| left.is_zero())
}

/// The value, by a way that an early pass of the compiler doesn't see through: that would make `Ok(response)` a copy of all
/// the outcome it was taken from, which then might be an error again. What comes out costs nothing.
#[inline(always)]
fn opaque<T>(value: T) -> T {
    let mut value = Some(value);
    value.take().expect("it was just put there")
}

/// Records a panic of the inner future where it happens, even if somebody further out catches it and keeps the future.
struct OnPanic<'f>(&'f mut Call<Breaker>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        self.0.panicked();
    }
}
