//! Transitions between the states of a circuit.

use std::mem;
use std::sync::Arc;

use buttress_error::{Trip, TripReason};

use crate::circuit::closed::Closed;
use crate::circuit::half_open::HalfOpen;
use crate::circuit::open::Open;
use crate::circuit::outcome::FailureDetail;
use crate::circuit::state::State;
use crate::circuit::time::Nanos;
use crate::circuit::{Circuit, Phase};

/// A transition that is due. The caller reads the clock and a random number, and applies it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Transition {
    /// Open by this rule, at `since` if that is earlier than now.
    Open {
        rule: TripReason,
        since: Option<Nanos>,
    },
    HalfOpen,
    Close,
    /// The ramp is over: all calls are admitted.
    EndRamp,
}

/// A transition that was applied, to be reported once the lock is released.
#[derive(Debug)]
pub(crate) struct StateChange {
    pub(crate) from: State,
    pub(crate) to: State,
    /// The epoch that it began.
    pub(crate) epoch: u64,
    pub(crate) shadow: bool,
    /// Why the circuit opened, and for how long.
    pub(crate) opened: Option<(Arc<Trip>, Nanos)>,
    /// What the circuit no longer needs. It holds errors of the caller, which must not be dropped under the lock.
    pub(crate) _dropped: (Option<Arc<Trip>>, Option<FailureDetail>),
}

impl Circuit {
    /// Applies the transition. `random` is in 0.0..1.0.
    pub(crate) fn apply(&mut self, transition: Transition, now: Nanos, random: f64) -> StateChange {
        let now = self.advance(now);
        match transition {
            Transition::Open { rule, since } => self.open(rule, since.unwrap_or(now), random),
            Transition::HalfOpen => self.half_open(now),
            Transition::Close => self.recover(now),
            Transition::EndRamp => self.end_ramp(),
        }
    }

    fn open(&mut self, rule: TripReason, now: Nanos, random: f64) -> StateChange {
        let healthy = match &self.phase {
            Phase::Closed(closed) => now.saturating_sub(closed.since()),
            _ => 0,
        };
        let last = self.last_failure.take();
        let cause = last.as_ref().map(|failure| failure.cause.clone());
        let settings = &self.settings.open_wait;
        let wait = self.growth.next(settings, healthy, random);
        let wait = settings.at_least(wait, self.retry_at.saturating_sub(now), random);
        let until = now.saturating_add(wait);
        let trip = Arc::new(Trip::new(Arc::clone(&self.name), rule, cause));
        let mut change = self.enter(Phase::Open(Open::new(now, until, Arc::clone(&trip))));
        change.opened = Some((trip, until - now));
        change._dropped.1 = last;
        change
    }

    fn half_open(&mut self, now: Nanos) -> StateChange {
        let Phase::Open(open) = &self.phase else { unreachable!("only an open circuit becomes half-open") };
        let round = HalfOpen::new(now, Arc::clone(open.trip()), self.settings.round.clone());
        self.enter(Phase::HalfOpen(round))
    }

    /// Closes the circuit because its dependency works again.
    pub(super) fn recover(&mut self, now: Nanos) -> StateChange {
        self.record.clear();
        self.enter(Phase::Closed(Closed::recovered(now, &self.settings)))
    }

    fn end_ramp(&mut self) -> StateChange {
        if let Phase::Closed(closed) = &mut self.phase {
            closed.end_ramp();
        }
        let state = self.state();
        StateChange {
            from: state,
            to: state,
            epoch: self.epoch,
            shadow: self.shadow,
            opened: None,
            _dropped: (None, None),
        }
    }

    /// Closes the circuit with an empty record.
    pub(super) fn close(&mut self, now: Nanos) -> StateChange {
        self.record.clear();
        self.enter(Phase::Closed(Closed::new(now, &self.settings)))
    }

    /// Begins a new epoch.
    pub(super) fn enter(&mut self, phase: Phase) -> StateChange {
        let from = self.state();
        let old = mem::replace(&mut self.phase, phase);
        let to = self.state();
        self.epoch += 1;
        self.retry_at = 0;
        self.stats.transitions += u64::from(from != to);
        let trip = match old {
            Phase::Open(open) => Some(open.into_trip()),
            Phase::HalfOpen(round) => Some(round.into_trip()),
            Phase::Fleet(fleet) => Some(fleet.into_trip()),
            Phase::Closed(_) | Phase::ForcedOpen { .. } | Phase::Disabled { .. } => None,
        };
        let last = self.last_failure.take();
        StateChange { from, to, epoch: self.epoch, shadow: self.shadow, opened: None, _dropped: (trip, last) }
    }
}
