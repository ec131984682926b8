//! The circuit as a plain value: time and outcome go in, a decision comes out. No clock, no lock, no I/O.

pub(crate) mod builder;
mod closed;
pub(crate) mod fleet;
mod fleet_open;
pub(crate) mod half_open;
mod in_flight;
mod membership;
mod open;
pub(crate) mod open_wait;
pub(crate) mod orders;
pub(crate) mod outcome;
pub(crate) mod pass;
pub(crate) mod probes;
pub(crate) mod ramp;
pub(crate) mod range;
mod reconfigure;
mod record;
pub(crate) mod refusal;
pub(crate) mod rule;
pub(crate) mod settings;
#[cfg(test)]
mod simulation;
pub(crate) mod slow_call;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod stats;
#[cfg(test)]
mod tests;
pub(crate) mod threshold;
pub(crate) mod time;
pub(crate) mod transition;
pub(crate) mod window;

use std::sync::Arc;

use crate::circuit::closed::Closed;
use crate::circuit::fleet_open::{FleetOpen, ProbeLog};
use crate::circuit::half_open::HalfOpen;
use crate::circuit::open::Open;
use crate::circuit::open_wait::Growth;
use crate::circuit::outcome::{FailureDetail, Outcome};
use crate::circuit::pass::{NO_EPOCH, Pass};
use crate::circuit::record::Record;
use crate::circuit::refusal::Refusal;
use crate::circuit::settings::Settings;
use crate::circuit::state::State;
use crate::circuit::stats::BreakerStats;
use crate::circuit::time::{NEVER, Nanos, nanos};
use crate::circuit::transition::Transition;
use crate::circuit::window::Entry;

/// The circuit. A transition takes two steps, so that the clock and a random number are read only for transitions:
/// [`admit`](Self::admit) and [`settle`](Self::settle) return the [`Transition`] that is due, and `apply` makes it.
#[derive(Debug)]
pub(crate) struct Circuit {
    name: Arc<str>,
    /// Shared with the other breakers of a keyed set.
    settings: Arc<Settings>,
    phase: Phase,
    record: Record,
    /// In shadow mode the circuit decides, but never refuses.
    shadow: bool,
    /// The number of the phase, from 1; [`NO_EPOCH`] is none.
    epoch: u64,
    /// The latest time seen. The circuit's time never goes backwards.
    latest: Nanos,
    /// The last failure of this epoch.
    last_failure: Option<FailureDetail>,
    /// The latest end of the waits that the dependency asked for in this epoch.
    retry_at: Nanos,
    growth: Growth,
    probe_log: ProbeLog,
    stats: BreakerStats,
}

#[derive(Debug)]
enum Phase {
    Closed(Closed),
    Open(Open),
    HalfOpen(HalfOpen),
    ForcedOpen { since: Nanos },
    Disabled { since: Nanos },
    Fleet(FleetOpen),
}

/// The reply to a call that asks for admission.
#[derive(Debug)]
pub(crate) enum Admission {
    Pass(Pass),
    Refuse(Refusal),
    /// Apply this transition and ask again.
    Transition(Transition),
}

impl Circuit {
    pub(crate) fn new(name: Arc<str>, settings: impl Into<Arc<Settings>>) -> Self {
        let settings = settings.into();
        Self {
            name,
            phase: Phase::Closed(Closed::new(0, &settings)),
            record: Record::new(&settings),
            settings,
            shadow: false,
            epoch: NO_EPOCH + 1,
            latest: 0,
            last_failure: None,
            retry_at: 0,
            growth: Growth::default(),
            probe_log: ProbeLog::default(),
            stats: BreakerStats::default(),
        }
    }

    /// Admits or refuses a call.
    pub(crate) fn admit(&mut self, now: Nanos) -> Admission {
        let now = self.advance(now);
        if let Some(transition) = self.overdue(now) {
            return Admission::Transition(transition);
        }
        let admitted = match &mut self.phase {
            Phase::Closed(closed) => closed.admit(&self.name, &self.settings, now),
            Phase::Disabled { .. } => Ok(None),
            Phase::Open(open) if open.is_over(now) => return Admission::Transition(Transition::HalfOpen),
            Phase::Open(open) => Err(open.refusal()),
            Phase::HalfOpen(round) => round.admit(now),
            Phase::Fleet(fleet) => fleet.admit(now),
            Phase::ForcedOpen { since } => {
                Err(Refusal::Forced { name: Arc::clone(&self.name), since: *since })
            }
        };
        match admitted {
            Ok(ticket) => {
                self.stats.admitted += 1;
                Admission::Pass(Pass::new(self.epoch, now, ticket))
            }
            Err(_) if self.shadow => {
                self.stats.shadowed += 1;
                Admission::Pass(Pass::new(NO_EPOCH, now, None))
            }
            Err(refusal) => Admission::Refuse(refusal),
        }
    }

    /// Returns the transition that is due because time has passed, without a call that asks or ends.
    pub(crate) fn overdue(&mut self, now: Nanos) -> Option<Transition> {
        let now = self.advance(now);
        match &mut self.phase {
            Phase::Closed(closed) => closed.overdue(&self.settings, now),
            _ => self.expire(now),
        }
    }

    /// Ends the probes that have timed out by `now`, and returns the transition that is due.
    fn expire(&mut self, now: Nanos) -> Option<Transition> {
        match &mut self.phase {
            Phase::HalfOpen(round) => {
                let expired = round.expire(now)?;
                self.stats.expired += u64::from(expired.probes);
                self.last_failure.get_or_insert_with(FailureDetail::unanswered);
                round.decision(Some(expired.at))
            }
            Phase::Fleet(fleet) => {
                self.stats.expired += fleet.expire(now, &mut self.probe_log);
                None
            }
            _ => None,
        }
    }

    /// Returns why every call at `now` would be refused, if it would be. A ramp decides for each call.
    pub(crate) fn refusal(&self, now: Nanos) -> Option<Refusal> {
        let now = now.max(self.latest);
        match &self.phase {
            _ if self.shadow => None,
            Phase::Closed(_) | Phase::Disabled { .. } => None,
            Phase::Open(open) => (!open.is_over(now)).then(|| open.refusal()),
            Phase::HalfOpen(round) => round.refusal(now),
            Phase::Fleet(fleet) => fleet.refusal(now),
            Phase::ForcedOpen { since } => {
                Some(Refusal::Forced { name: Arc::clone(&self.name), since: *since })
            }
        }
    }

    /// Counts a call that was refused.
    pub(crate) const fn count_refused(&mut self) {
        self.stats.rejected += 1;
    }

    /// Adds successes that were counted without the lock: `current` of this epoch, and `late` of earlier ones. They belong to
    /// the latest time seen.
    pub(crate) fn add_successes(&mut self, current: u64, late: u64) {
        self.stats.late += late;
        if current > 0 {
            self.stats.succeeded += current;
            self.record.add_successes(current, self.latest);
        }
    }

    /// Slides the windows to `now`.
    pub(crate) fn slide(&mut self, now: Nanos) {
        let now = self.advance(now);
        self.record.advance(now);
    }

    /// Records the outcome of an admitted call, and returns the transition that is due. Without a time the call ended at the
    /// latest time seen, which is that of its admission or later. A failed call leaves `failure` for later rejections; it is
    /// swapped with the one before it, which the caller must drop.
    pub(crate) fn settle(
        &mut self,
        pass: &Pass,
        outcome: Outcome,
        now: Option<Nanos>,
        failure: &mut Option<FailureDetail>,
    ) -> Option<Transition> {
        let now = match now {
            Some(now) => self.advance(now),
            None if pass.is_timed() => self.advance(pass.started()),
            None => self.latest,
        };
        if pass.is_shadowed() || pass.is_settled() {
            return None;
        }
        let elapsed = pass.elapsed(now);
        let outcome = self.judge_abandoned(outcome, elapsed);
        // A probe that ends exactly with its timeout is in time.
        let transition = self.expire(now.saturating_sub(1));
        if transition.is_some() || !self.release(pass) {
            self.stats.late += 1;
            return transition;
        }
        let slow = self.slow_call_limit().is_some_and(|limit| elapsed > limit);
        if let (Phase::Fleet(fleet), Some(ticket)) = (&mut self.phase, pass.ticket()) {
            fleet.settle(ticket, outcome, slow, &mut self.probe_log);
        }
        let entry = self.count(outcome, slow)?;
        if let Some(failure) = failure {
            let wait = failure.retry_after.min(nanos(self.settings.open_wait.max_retry_after));
            self.retry_at = self.retry_at.max(now.saturating_add(wait));
        }
        if outcome != Outcome::Success {
            std::mem::swap(&mut self.last_failure, failure);
        }
        match &mut self.phase {
            Phase::HalfOpen(round) => {
                round.count(entry);
                round.decision(None)
            }
            Phase::Closed(closed) => {
                self.record.add(outcome, entry, now);
                let rule = closed.broken_rule(&mut self.record, &self.settings, now)?;
                Some(Transition::Open { rule, since: None })
            }
            Phase::Disabled { .. } => {
                self.record.add(outcome, entry, now);
                None
            }
            Phase::Open(_) | Phase::ForcedOpen { .. } | Phase::Fleet(_) => None,
        }
    }

    /// Returns what an abandoned call means.
    fn judge_abandoned(&mut self, outcome: Outcome, elapsed: Nanos) -> Outcome {
        if !matches!(outcome, Outcome::Abandoned) {
            return outcome;
        }
        self.stats.abandoned += 1;
        if elapsed >= self.settings.abandon_after { Outcome::Failure } else { Outcome::Neutral }
    }

    /// Releases what the call holds. Returns `false` if the call belongs to another epoch, or is a probe that has timed out.
    fn release(&mut self, pass: &Pass) -> bool {
        pass.epoch() == self.epoch
            && match (&mut self.phase, pass.ticket()) {
                (Phase::HalfOpen(round), Some(ticket)) => round.release(ticket),
                (Phase::Fleet(fleet), Some(ticket)) => fleet.holds(ticket),
                (Phase::Closed(closed), ticket) => {
                    closed.remove(ticket);
                    true
                }
                (Phase::Disabled { .. }, None) => true,
                _ => false,
            }
    }

    /// Counts the outcome. A neutral one leaves no entry for the windows.
    fn count(&mut self, outcome: Outcome, slow: bool) -> Option<Entry> {
        let (count, entry) = match outcome {
            Outcome::Success => (&mut self.stats.succeeded, Some(Entry::SUCCESS)),
            Outcome::Failure => (&mut self.stats.failed, Some(Entry::FAILED)),
            Outcome::Throttle => (&mut self.stats.throttled, Some(Entry::THROTTLED)),
            Outcome::Neutral | Outcome::Abandoned => (&mut self.stats.neutral, None),
        };
        *count += 1;
        let entry = entry?;
        self.stats.slow += u64::from(slow);
        Some(if slow { entry.and(Entry::SLOW) } else { entry })
    }

    /// Returns the time beyond which a call that ends now is slow. A probe has the limit with which its round began.
    fn slow_call_limit(&self) -> Option<Nanos> {
        match &self.phase {
            Phase::HalfOpen(round) => round.slow_call(),
            _ => self.settings.slow_call,
        }
    }

    /// Returns the circuit's time, which is at least `now`.
    fn advance(&mut self, now: Nanos) -> Nanos {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(crate) const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub(crate) const fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open(_) | Phase::Fleet(_) => State::Open,
            Phase::HalfOpen(_) => State::HalfOpen,
            Phase::ForcedOpen { .. } => State::ForcedOpen,
            Phase::Disabled { .. } => State::Disabled,
        }
    }

    /// Returns when the present step of a ramp ends, if there is a ramp that refuses calls.
    pub(crate) fn ramp_step_ends(&self, now: Nanos) -> Option<Nanos> {
        let now = now.max(self.latest);
        match &self.phase {
            Phase::Closed(closed) if !self.shadow => Some(closed.ramp(now)?.step_ends(now)),
            _ => None,
        }
    }

    pub(crate) const fn is_shadow(&self) -> bool {
        self.shadow
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the epoch if every call may pass without the lock, else [`NO_EPOCH`].
    pub(crate) fn admit_all_epoch(&self) -> u64 {
        match &self.phase {
            Phase::Closed(closed) if !closed.is_ramping() && !self.settings.tracks_calls() => self.epoch,
            Phase::Disabled { .. } => self.epoch,
            _ => NO_EPOCH,
        }
    }

    /// Returns the epoch if the circuit is open by its own decision and refuses every call, else [`NO_EPOCH`].
    pub(crate) const fn refuse_all_epoch(&self) -> u64 {
        match self.phase {
            Phase::Open(_) if !self.shadow => self.epoch,
            _ => NO_EPOCH,
        }
    }

    /// Returns the epoch if a success that is not slow only has to be counted, and may be counted later, else [`NO_EPOCH`].
    pub(crate) fn inert_success_epoch(&self) -> u64 {
        match &self.phase {
            Phase::Disabled { .. } => self.epoch,
            // Under a ramp each call asks for admission and advances the time. A success that is added later would move to
            // that time.
            Phase::Closed(closed)
                if !closed.is_ramping() && self.record.success_is_inert(&self.settings, self.latest) =>
            {
                self.epoch
            }
            _ => NO_EPOCH,
        }
    }

    /// Returns when the next window slides while calls pass without the lock, or [`NEVER`].
    pub(crate) fn next_slide(&self) -> Nanos {
        if self.admit_all_epoch() == NO_EPOCH { NEVER } else { self.record.next_slide() }
    }

    /// Returns the time beyond which a call is slow, or [`NEVER`].
    pub(crate) fn slow_call(&self) -> Nanos {
        self.settings.slow_call.unwrap_or(NEVER)
    }

    /// Returns how long a dropped call must have waited to count as a failure, or [`NEVER`].
    pub(crate) fn abandon_after(&self) -> Nanos {
        self.settings.abandon_after
    }

    /// Returns the counts, except of calls that were admitted or refused without the lock.
    pub(crate) fn stats(&mut self, now: Nanos) -> BreakerStats {
        let now = self.advance(now);
        let window = match &self.phase {
            Phase::HalfOpen(round) => round.settled(),
            _ => self.record.shown(&self.settings, now),
        };
        BreakerStats { window: window.into(), ..self.stats }
    }
}
