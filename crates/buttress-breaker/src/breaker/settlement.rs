//! How the outcome of a call is recorded.

use std::sync::MutexGuard;

use crate::breaker::Breaker;
use crate::circuit::Circuit;
use crate::circuit::outcome::{FailureDetail, Outcome};
use crate::circuit::pass::Pass;
use crate::circuit::time::{NEVER, Nanos};
use crate::circuit::transition::Transition;
use crate::counters::thread_slot;

impl Breaker {
    /// Counts the success of a call without the lock if it only has to be counted. Otherwise returns `false`, and the call must be
    /// [settled](Self::settle).
    #[inline]
    pub(crate) fn count_success(&self, pass: &Pass) -> bool {
        let fast_path = self.fast_path();
        let inert = fast_path.success_is_inert();
        let in_time = !inert.is_timed() || fast_path.slow_call() == NEVER || self.is_in_time(pass.started());
        in_time && !pass.has_ticket() && fast_path.succeed(inert, thread_slot::current(), pass.epoch())
    }

    /// Returns `true` if a call that began at `started` and ends now is not slow.
    #[inline(never)]
    fn is_in_time(&self, started: Nanos) -> bool {
        self.now().saturating_sub(started) <= self.fast_path().slow_call()
    }

    /// Records the outcome of the call with this pass.
    #[cold]
    pub(crate) fn settle(&self, pass: &Pass, outcome: Outcome, mut failure: Option<FailureDetail>) {
        let (fast_path, slot) = (self.fast_path(), thread_slot::claim());
        // Without a slow-call limit, a success of a closed circuit needs no clock: it is recorded at the latest time that the
        // circuit has seen.
        let needs_no_time = matches!(outcome, Outcome::Success | Outcome::Neutral)
            && !pass.has_ticket()
            && fast_path.slow_call() == NEVER;
        let now = (!needs_no_time).then(|| self.now());
        let mut circuit = self.lock();
        fast_path.report(&mut circuit);
        let transition = circuit.settle(pass, outcome, now, &mut failure);
        if outcome == Outcome::Success {
            fast_path.allow_fast_count(slot, &circuit);
        }
        let was_probe = pass.has_ticket() && !circuit.state().is_closed();
        match transition {
            Some(transition) => self.apply_and_report(circuit, transition, now),
            None => {
                fast_path.publish(&circuit);
                drop(circuit);
            }
        }
        if was_probe {
            // The slot of a probe may be free again.
            self.admission_possible().notify_waiters();
        }
        // `failure` is now the one before it. It holds an error of the caller, which is dropped here, outside the lock.
    }

    #[cold]
    fn apply_and_report<'a>(
        &'a self,
        mut circuit: MutexGuard<'a, Circuit>,
        transition: Transition,
        now: Option<Nanos>,
    ) {
        let change = self.apply(&mut circuit, transition, now.unwrap_or_else(|| self.now()));
        drop(circuit);
        self.report(&change);
    }
}
