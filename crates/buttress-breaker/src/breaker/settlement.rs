//! What becomes of a call that has ended.

use std::sync::MutexGuard;

use crate::breaker::Breaker;
use crate::circuit::Circuit;
use crate::circuit::change::{Due, Failure, Mark};
use crate::circuit::pass::Pass;
use crate::circuit::time::{NEVER, Nanos};
use crate::counters::slot;

impl Breaker {
    /// Counts the success of the call that `pass` admitted, if there is only to count; else it has to be
    /// [settled](Self::settle).
    #[inline]
    pub(crate) fn count_success(&self, pass: &Pass) -> bool {
        let gate = &self.shared.gate;
        let calm = gate.calm();
        let quick = !calm.is_timed() || gate.slow_call() == NEVER || self.is_quick(pass.at());
        quick && pass.is_plain() && gate.succeed(calm, slot::current(), pass.epoch())
    }

    /// Is a call that ends now, and began at `at`, not slow?
    #[inline(never)]
    fn is_quick(&self, at: Nanos) -> bool {
        self.now().saturating_sub(at) <= self.shared.gate.slow_call()
    }

    /// The call that `pass` admitted has ended.
    #[cold]
    pub(crate) fn settle(&self, pass: &Pass, mark: Mark, mut failure: Option<Failure>) {
        let (gate, slot) = (&self.shared.gate, slot::claim());
        // A success of a closed circuit that does not watch slowness spares the clock: it belongs to the latest time
        // that the circuit has seen.
        let timeless = matches!(mark, Mark::Success | Mark::Neutral);
        let now = (!timeless || !pass.is_plain() || gate.slow_call() != NEVER).then(|| self.now());
        let mut circuit = self.lock();
        gate.report(&mut circuit);
        let due = circuit.settle(pass, mark, now, &mut failure);
        if mark == Mark::Success {
            gate.enlist(slot, &circuit);
        }
        let probing = !pass.is_plain() && !circuit.state().is_closed();
        match due {
            Some(due) => self.settle_and_turn(circuit, due, now),
            None => {
                gate.follow(&circuit);
                drop(circuit);
            }
        }
        if probing {
            // The slot of a probe may be free again.
            self.shared.turnstile.notify_waiters();
        }
        // `failure` is now the one before it: an error of the caller's, dropped outside the lock.
    }

    #[cold]
    fn settle_and_turn<'a>(&'a self, mut circuit: MutexGuard<'a, Circuit>, due: Due, now: Option<Nanos>) {
        let change = self.turn(&mut circuit, due, now.unwrap_or_else(|| self.now()));
        drop(circuit);
        self.tell(Some(change));
    }
}
