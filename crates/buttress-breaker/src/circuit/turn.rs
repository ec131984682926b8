//! Transitions.

use std::mem;
use std::sync::Arc;

use buttress_error::{Trip, TripReason};

use crate::circuit::change::{Change, Due};
use crate::circuit::ramp::Ramp;
use crate::circuit::round::Round;
use crate::circuit::time::Nanos;
use crate::circuit::window::{Memory, RecentFailures};
use crate::circuit::{Circuit, Phase};

impl Circuit {
    /// Makes the transition that is due. `dice` is a random number in 0.0..1.0.
    pub(crate) fn turn(&mut self, due: Due, now: Nanos, dice: f64) -> Change {
        let now = self.tick(now);
        match due {
            Due::Open { rule, since } => self.open(rule, since.unwrap_or(now), dice),
            Due::HalfOpen => self.half_open(now),
            Due::Close => self.recover(now),
            Due::Ramped => self.end_ramp(),
        }
    }

    fn open(&mut self, rule: TripReason, now: Nanos, dice: f64) -> Change {
        let healthy = match self.phase {
            Phase::Closed { since } => now.saturating_sub(since),
            _ => 0,
        };
        let last = self.last.take();
        let cause = last.as_ref().map(|failure| failure.cause.clone());
        let settings = &self.settings.open_wait;
        let wait = self.growth.next(settings, healthy, dice);
        let wait = settings.at_least(wait, self.asked.saturating_sub(now), dice);
        let until = now.saturating_add(wait);
        let trip = Arc::new(Trip::new(Arc::clone(&self.name), rule, cause));
        let mut change = self.enter(Phase::Open { since: now, until, trip: Arc::clone(&trip) });
        change.opened = Some((trip, until - now));
        change._old.1 = last;
        change
    }

    fn half_open(&mut self, now: Nanos) -> Change {
        let Phase::Open { trip, .. } = &self.phase else {
            unreachable!("only an open circuit becomes half-open")
        };
        let trip = Arc::clone(trip);
        self.enter(Phase::HalfOpen { since: now, trip, round: Round::new(self.settings.round.clone()) })
    }

    /// The dependency works again.
    pub(super) fn recover(&mut self, now: Nanos) -> Change {
        let change = self.close(now);
        self.ramp = self.settings.ramp.map(|step| Ramp::new(now, step));
        change
    }

    fn end_ramp(&mut self) -> Change {
        self.ramp = None;
        let state = self.state();
        Change {
            from: state,
            to: state,
            epoch: self.epoch,
            shadow: self.shadow,
            opened: None,
            _old: (None, None),
        }
    }

    /// A closed circuit begins with an empty window.
    pub(super) fn close(&mut self, now: Nanos) -> Change {
        self.forget();
        self.enter(Phase::Closed { since: now })
    }

    pub(super) fn forget(&mut self) {
        self.memories.iter_mut().for_each(Memory::clear);
        self.recent_failures.iter_mut().for_each(RecentFailures::clear);
        self.streak = 0;
    }

    /// Begins a new epoch.
    pub(super) fn enter(&mut self, phase: Phase) -> Change {
        let from = self.state();
        let old = mem::replace(&mut self.phase, phase);
        let to = self.state();
        self.epoch += 1;
        self.in_flight.clear();
        self.asked = 0;
        self.ramp = None;
        self.stats.transitions += u64::from(from != to);
        let old = match old {
            Phase::Open { trip, .. } | Phase::HalfOpen { trip, .. } | Phase::Fleet { trip, .. } => Some(trip),
            _ => None,
        };
        let last = self.last.take();
        Change { from, to, epoch: self.epoch, shadow: self.shadow, opened: None, _old: (old, last) }
    }
}
