//! `Permit`: an admitted call that has not ended yet.

use std::{fmt, thread};

use buttress_error::{Cause, Class, Error, Kind, Verdict};

use crate::Breaker;
use crate::state::{Failure, Mark, Pass};

/// An admitted call, made by [`Breaker::admit`]. Tell it how the call ended.
///
/// Dropped without that, the call is *abandoned*: a failure of kind [`Timeout`](Kind::Timeout) if it had waited for at
/// least the breaker's [patience](crate::Builder::patience), else neutral. Dropped by a panic, it is a failure of kind
/// [`Panic`](Kind::Panic). In either case what it had reserved is given back, and nothing is counted twice.
#[must_use = "dropped at once, the call counts as abandoned"]
pub struct Permit {
    breaker: Breaker,
    pass: Pass,
    /// A flag rather than an option of the pass: taking that would move it once more.
    settled: bool,
}

impl Permit {
    pub(crate) const fn new(breaker: Breaker, pass: Pass) -> Self {
        Self { breaker, pass, settled: false }
    }

    /// The dependency did its work.
    pub fn success(mut self) {
        self.settled = true;
        self.breaker.succeed(&self.pass);
    }

    /// The call failed with an error of this class; `&error` or a [`Kind`] will do. The table of kinds says whether
    /// that counts against the dependency: a `NotFound` is an answer and so a success.
    pub fn failure(self, class: impl Into<Class>) {
        self.record(&Verdict::of(class.into()));
    }

    /// The call told nothing about the dependency: nothing changes, and a probe gives its slot back.
    pub fn neutral(self) {
        self.settle(Mark::Neutral, None);
    }

    /// The call ended as a [`Classifier`](buttress_error::Classifier) judged it.
    pub fn record(self, verdict: &Verdict) {
        self.record_with(verdict, || None);
    }

    /// `keep` gives the error itself, for later rejections; it is asked for failures only.
    pub(crate) fn record_with(self, verdict: &Verdict, keep: impl FnOnce() -> Option<Error>) {
        if verdict.is_success() {
            return self.success();
        }
        if !verdict.is_failure() {
            return self.settle(verdict.into(), None);
        }
        let class = verdict.class().copied().unwrap_or(Class::new(Kind::Unknown));
        let failure = Failure::new(Cause::new(&class, keep()), class.retry_after);
        self.settle(verdict.into(), Some(failure));
    }

    /// The call was dropped, or cut short by its caller's deadline.
    pub(crate) fn abandon(self) {
        self.settle(Mark::Abandoned, Some(Failure::unanswered()));
    }

    fn settle(mut self, mark: Mark, failure: Option<Failure>) {
        self.settled = true;
        self.breaker.settle(&self.pass, mark, failure);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            let (mark, failure) = if thread::panicking() {
                let cause = Cause::new(&Class::new(Kind::Panic), None);
                (Mark::Failure, Failure::new(cause, None))
            } else {
                (Mark::Abandoned, Failure::unanswered())
            };
            self.breaker.settle(&self.pass, mark, Some(failure));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("breaker", &self.breaker.name()).finish_non_exhaustive()
    }
}
