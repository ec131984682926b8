//! `Closed`: a circuit that admits calls, all of them or the share of a ramp.

use std::sync::Arc;

use buttress_error::TripReason;

use crate::circuit::in_flight::InFlight;
use crate::circuit::ramp::Ramp;
use crate::circuit::record::Record;
use crate::circuit::refusal::Refusal;
use crate::circuit::settings::{Check, Settings};
use crate::circuit::time::Nanos;
use crate::circuit::transition::Transition;

#[derive(Debug)]
pub(super) struct Closed {
    since: Nanos,
    /// The calls of this epoch, if a rule needs their age.
    in_flight: InFlight,
    /// Refuses a part of the calls after a recovery.
    ramp: Option<Ramp>,
}

impl Closed {
    pub(super) fn new(since: Nanos, settings: &Settings) -> Self {
        Self { since, in_flight: InFlight::new(settings.ages()), ramp: None }
    }

    /// A circuit that closes because its dependency works again.
    pub(super) fn recovered(since: Nanos, settings: &Settings) -> Self {
        Self { ramp: settings.ramp.map(|step| Ramp::new(since, step)), ..Self::new(since, settings) }
    }

    /// Admits a call unless the ramp refuses it. Returns its ticket among the calls in flight, if they are tracked.
    pub(super) fn admit(
        &mut self,
        name: &Arc<str>,
        settings: &Settings,
        now: Nanos,
    ) -> Result<Option<u32>, Refusal> {
        if let Some(ramp) = &mut self.ramp
            && !ramp.admits(now)
        {
            let (percent, until) = (ramp.percent(now), ramp.step_ends(now));
            return Err(Refusal::Ramping { name: Arc::clone(name), percent, since: self.since, until });
        }
        Ok(if settings.tracks_calls() { self.in_flight.add(now) } else { None })
    }

    /// Returns the transition that is due without the result of a call: the ramp has ended, or calls are stuck.
    pub(super) fn overdue(&mut self, settings: &Settings, now: Nanos) -> Option<Transition> {
        if self.ramp.as_ref().is_some_and(|ramp| ramp.is_over(now)) {
            return Some(Transition::EndRamp);
        }
        let rule = settings.checks.iter().find_map(|check| self.stuck(check, now))?;
        Some(Transition::Open { rule, since: None })
    }

    /// Removes a call that has ended.
    pub(super) fn remove(&mut self, ticket: Option<u32>) {
        if let Some(ticket) = ticket {
            self.in_flight.remove(ticket);
        }
    }

    /// Returns the first rule that is broken.
    pub(super) fn broken_rule(
        &mut self,
        record: &mut Record,
        settings: &Settings,
        now: Nanos,
    ) -> Option<TripReason> {
        let mut checks = settings.checks.iter();
        checks.find_map(|check| record.breaks(check, now).or_else(|| self.stuck(check, now)))
    }

    fn stuck(&mut self, check: &Check, now: Nanos) -> Option<TripReason> {
        let Check::Stuck { calls, age, number } = *check else { return None };
        let broken = self.in_flight.count(number, now, calls) >= calls;
        broken.then(|| TripReason::Stuck { calls: self.in_flight.count(number, now, u32::MAX), age })
    }

    pub(super) fn end_ramp(&mut self) {
        self.ramp = None;
    }

    pub(super) const fn is_ramping(&self) -> bool {
        self.ramp.is_some()
    }

    /// Returns the ramp, unless it is over at `now`.
    pub(super) fn ramp(&self, now: Nanos) -> Option<&Ramp> {
        self.ramp.as_ref().filter(|ramp| !ramp.is_over(now))
    }

    pub(super) fn reconfigure(&mut self, settings: &Settings) {
        self.in_flight.watch(settings.ages());
    }

    pub(super) const fn since(&self) -> Nanos {
        self.since
    }
}
