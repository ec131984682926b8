//! Which calls pass, and what the others are told.

use std::num::NonZero;

use crate::breaker::shut::Shut;
use crate::breaker::{Breaker, events};
use crate::circuit::Answer;
use crate::circuit::pass::Pass;
use crate::circuit::refusal::{Refusal, Refused};
use crate::circuit::time::{NEVER, Nanos};
use crate::counters::slot;

impl Breaker {
    /// Lets a call pass if the circuit admits every call. It may be dropped from now on, and knows when it began.
    #[inline]
    pub(crate) fn pass_if_open(&self) -> Option<Pass> {
        if !self.shared.gate.is_patient() {
            return self.pass();
        }
        let (epoch, at) = self.pass_timed();
        epoch.map(|epoch| Pass::open(epoch.get(), at))
    }

    /// Lets a call pass if the circuit admits every call; else [`ask`](Self::ask) it.
    ///
    /// For a call that can't be dropped before it is told to [wait](Admitted::wait): it spares the clock, where the
    /// window and the rules do.
    #[inline]
    pub(crate) fn pass(&self) -> Option<Pass> {
        let gate = &self.shared.gate;
        let open = gate.open();
        let (epoch, at) =
            if open.is_timed() { self.pass_timed() } else { (gate.pass(open, slot::current()), NEVER) };
        epoch.map(|epoch| Pass::open(epoch.get(), at))
    }

    /// The epoch to pass with, and the time. Apart from what needs no clock, which is short enough to stand in line; in
    /// two plain numbers, as these stay in registers.
    #[inline(never)]
    fn pass_timed(&self) -> (Option<NonZero<u64>>, Nanos) {
        let (gate, now) = (&self.shared.gate, self.now());
        if gate.turns(now) {
            self.roll(now);
        }
        (gate.pass(gate.open(), slot::current()), now)
    }

    #[cold]
    fn roll(&self, now: Nanos) {
        let mut circuit = self.lock();
        self.shared.gate.report(&mut circuit);
        circuit.roll(now);
        self.shared.gate.follow(&circuit);
    }

    /// Asks the circuit, and counts and tells of a refusal.
    #[cold]
    pub(crate) fn ask(&self) -> Result<Pass, Refused> {
        self.inquire().inspect_err(|refused| self.refused(&refused.refusal, refused.at))
    }

    /// Asks the circuit.
    pub(crate) fn inquire(&self) -> Result<Pass, Refused> {
        slot::claim();
        let now = self.now();
        loop {
            let (answer, change) = {
                let mut circuit = self.lock();
                let answer = circuit.admit(now);
                let change = match &answer {
                    Answer::Due(due) => Some(self.turn(&mut circuit, *due, now)),
                    _ => None,
                };
                (answer, change)
            };
            match answer {
                Answer::Pass(pass) => return Ok(pass),
                Answer::Refuse(refusal) => return Err(Refused { refusal, at: now }),
                Answer::Due(_) => self.tell(change),
            }
        }
    }

    /// Would a call be refused now? For `poll_ready`: says when it asked, and leaves the refusal in `shut`, which is what the
    /// caller remembers.
    #[inline]
    pub(crate) fn refuses(&self, shut: &mut Option<Shut>) -> Option<Nanos> {
        // Stale, it costs one poll of the inner service before `call` refuses, or one lock.
        if self.shared.gate.is_open() { None } else { self.refuses_now(shut) }
    }

    #[cold]
    fn refuses_now(&self, shut: &mut Option<Shut>) -> Option<Nanos> {
        let now = self.now();
        let known = |shut: &Shut| shut.holds(now) && self.shared.gate.is_shut(shut.epoch);
        if shut.as_ref().is_some_and(known) {
            return Some(now);
        }
        let mut circuit = self.lock();
        if let Some(due) = circuit.overdue(now) {
            let change = self.turn(&mut circuit, due, now);
            drop(circuit);
            self.tell(Some(change));
            return self.refuses_now(shut);
        }
        let (refusal, epoch) = (circuit.refusal(now), circuit.shut_epoch());
        drop(circuit);
        // What was remembered holds an error of the caller's, which is dropped here, outside the lock.
        *shut = refusal.map(|refusal| Shut { epoch, refusal });
        shut.is_some().then_some(now)
    }

    /// Counts and tells of a call that is refused.
    pub(crate) fn refused(&self, refusal: &Refusal, at: Nanos) {
        if !self.shared.gate.refuse(slot::claim()) {
            self.lock().refused();
        }
        events::rejected(&self.shared.name, refusal, at);
    }
}
