//! `Permit`: an admitted call that its caller settles by hand.

use std::fmt;
use std::time::Duration;

use buttress_error::{Class, CompletionObserver, Verdict};

use crate::breaker::Breaker;
use crate::breaker::call::CallGuard;
use crate::circuit::outcome::Outcome;

/// An admitted call, made by [`Breaker::admit`]. Report the outcome of the call to it.
///
/// If it is dropped without an outcome, the call is *abandoned*. It is a failure of kind
/// [`Timeout`](buttress_error::Kind::Timeout) if it had waited for at least
/// [`abandon_after`](crate::BreakerBuilder::abandon_after), else neutral. If it is dropped while its thread panics, the call is a
/// failure of kind [`Panic`](buttress_error::Kind::Panic). In either case the slot of a probe is released, and nothing counts
/// twice.
#[must_use = "a permit that is dropped at once abandons its call"]
pub struct Permit(CallGuard<Breaker>);

impl Permit {
    pub(crate) const fn new(guard: CallGuard<Breaker>) -> Self {
        Self(guard)
    }

    /// Records a success.
    pub fn success(mut self) {
        self.0.succeed();
    }

    /// Records an error of this class; `&error` and a [`Kind`](buttress_error::Kind) convert into one. Its kind decides whether
    /// it counts against the dependency: a `NotFound` is an answer, and so a success.
    pub fn failure(self, class: impl Into<Class>) {
        self.record(&Verdict::of(class.into()));
    }

    /// Records that the call said nothing about the dependency. Nothing changes, and a probe releases its slot.
    pub fn neutral(mut self) {
        self.0.settle(Outcome::Neutral, None);
    }

    /// Records the verdict of a [`Classifier`](buttress_error::Classifier).
    pub fn record(mut self, verdict: &Verdict) {
        self.0.record(verdict, || None);
    }
}

/// A permit may travel with the body of a response, as a [`Completion`](buttress_error::Completion).
impl CompletionObserver for Permit {
    fn completed(self: Box<Self>, verdict: &Verdict) {
        self.record(verdict);
    }

    /// Judges the call by how long its reader had waited for the next part, not by how long it has taken. A reader that stops in
    /// the middle of a long stream does not describe the dependency.
    fn abandoned(mut self: Box<Self>, waited: Duration) {
        self.0.abandon_rest(waited);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
