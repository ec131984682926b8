//! `Admitted`: an admitted call that has not ended yet, as futures and permits hold it.

use std::borrow::Borrow;
use std::time::Duration;
use std::{fmt, thread};

use buttress_context::Context;
use buttress_error::{Cause, Class, Classifier, Deferral, Error, Kind, Verdict};

use crate::state::{Failure, Mark, Pass, nanos};
use crate::{Breaker, Permit};

/// An admitted call of a breaker that is held or borrowed. It is settled in place, since moving it would cost more than
/// settling it; dropped unsettled, it is abandoned or has panicked.
pub(crate) struct Admitted<B: Borrow<Breaker>> {
    breaker: B,
    pass: Pass,
}

impl<B: Borrow<Breaker>> Admitted<B> {
    #[inline]
    pub(crate) const fn new(breaker: B, pass: Pass) -> Self {
        Self { breaker, pass }
    }

    /// The same call, with a breaker of its own.
    #[inline]
    pub(crate) fn hold(&mut self) -> Admitted<Breaker> {
        Admitted::new(self.breaker().clone(), self.pass.take())
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        self.breaker.borrow()
    }

    /// The call ended with this outcome.
    #[inline]
    pub(crate) fn conclude<T, E>(&mut self, classifier: &impl Classifier<T, E>, outcome: &Result<T, E>) {
        let verdict = classifier.judge(outcome);
        if verdict.is_success() {
            match classifier.deferral(outcome) {
                None => self.succeed(),
                Some(deferral) => self.defer(&deferral),
            }
        } else {
            self.conclude_badly(classifier, outcome, &verdict);
        }
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
            self.forget();
        } else {
            self.settle_success();
        }
    }

    /// The call was settled elsewhere.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.pass.take();
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
    fn defer(&mut self, deferral: &Deferral) {
        self.wait();
        deferral.defer(Box::new(Permit::new(self.hold())));
    }

    /// The call is not over yet, and may be dropped from now on.
    pub(crate) fn wait(&mut self) {
        if !self.pass.is_timed() && self.breaker().gate().is_patient() {
            self.pass.began(self.breaker().now());
        }
    }

    /// The call was dropped, or cut short by its caller's deadline.
    pub(crate) fn abandon(&mut self) {
        self.settle(Mark::Abandoned, Some(Failure::unanswered()));
    }

    /// The rest of the response was dropped, having been waited for so long.
    pub(crate) fn abandon_after(&mut self, waited: Duration) {
        self.pass.began(self.breaker().now().saturating_sub(nanos(waited)));
        self.abandon();
    }

    /// The call panicked.
    #[cold]
    pub(crate) fn panicked(&mut self) {
        let cause = Cause::new(&Class::new(Kind::Panic), None);
        self.settle(Mark::Failure, Some(Failure::new(cause, None)));
    }

    pub(crate) const fn is_settled(&self) -> bool {
        self.pass.is_taken()
    }

    pub(crate) fn settle(&mut self, mark: Mark, failure: Option<Failure>) {
        let pass = self.pass.take();
        self.breaker().settle(&pass, mark, failure);
    }
}

impl<B: Borrow<Breaker>> Drop for Admitted<B> {
    #[inline]
    fn drop(&mut self) {
        if self.is_settled() {
        } else if thread::panicking() {
            self.panicked();
        } else {
            self.abandon();
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
