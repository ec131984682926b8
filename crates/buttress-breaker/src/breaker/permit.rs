//! `Permit`: an admitted call that its caller settles by hand.

use std::fmt;
use std::time::Duration;

use buttress_error::{Class, CompletionObserver, Verdict};

use crate::breaker::Breaker;
use crate::breaker::admitted::Admitted;
use crate::circuit::change::Mark;

/// An admitted call, made by [`Breaker::admit`]. Tell it how the call ended.
///
/// Dropped without that, the call is *abandoned*: a failure of kind [`Timeout`](buttress_error::Kind::Timeout) if it had
/// waited for at least the breaker's [patience](crate::BreakerBuilder::patience), else neutral. Dropped while its thread panics, it is a
/// failure of kind [`Panic`](buttress_error::Kind::Panic). In either case what it had reserved is given back, and nothing is
/// counted twice.
#[must_use = "dropped at once, the call counts as abandoned"]
pub struct Permit(Admitted<Breaker>);

impl Permit {
    pub(crate) const fn new(admitted: Admitted<Breaker>) -> Self {
        Self(admitted)
    }

    /// The dependency did its work.
    pub fn success(mut self) {
        self.0.succeed();
    }

    /// The call failed with an error of this class; `&error` or a [`Kind`](buttress_error::Kind) will do. The table of
    /// kinds says whether that counts against the dependency: a `NotFound` is an answer and so a success.
    pub fn failure(self, class: impl Into<Class>) {
        self.record(&Verdict::of(class.into()));
    }

    /// The call told nothing about the dependency: nothing changes, and a probe gives its slot back.
    pub fn neutral(mut self) {
        self.0.settle(Mark::Neutral, None);
    }

    /// The call ended as a [`Classifier`](buttress_error::Classifier) judged it.
    pub fn record(mut self, verdict: &Verdict) {
        self.0.judged(verdict, || None);
    }
}

/// A permit may travel with the body of a response, as a [`Completion`](buttress_error::Completion).
impl CompletionObserver for Permit {
    fn completed(self: Box<Self>, verdict: &Verdict) {
        self.record(verdict);
    }

    /// Judged by how long the rest had been waited for, not by how long it has taken: who reads a long stream and has
    /// enough of it says nothing about the dependency.
    fn abandoned(mut self: Box<Self>, waited: Duration) {
        self.0.abandon_after(waited);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
