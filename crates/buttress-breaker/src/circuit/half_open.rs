//! `HalfOpen`: a circuit that admits a round of probes and decides by their results.

use std::sync::Arc;

use buttress_error::{Trip, TripReason};

use crate::circuit::refusal::Refusal;
use crate::circuit::settings::RoundSettings;
use crate::circuit::threshold::Threshold;
use crate::circuit::time::Nanos;
use crate::circuit::transition::Transition;
use crate::circuit::window::{Entry, Tally};

/// A round of probes. The probes in flight and the settled ones are never more than the round has.
#[derive(Debug)]
pub(super) struct HalfOpen {
    since: Nanos,
    trip: Arc<Trip>,
    /// As they were when the round began. Other settings could leave a round without a probe to wait for.
    settings: RoundSettings,
    in_flight: Vec<Probe>,
    settled: Tally,
    bad: BadProbes,
    next_ticket: u32,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    ticket: u32,
    /// When it times out.
    ends: Nanos,
}

/// Settled probes that count against the dependency, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BadProbes {
    pub(crate) failed: u32,
    pub(crate) throttled: u32,
    /// Probes that succeeded too slowly.
    pub(crate) slow: u32,
    /// Probes that timed out.
    pub(crate) expired: u32,
}

impl BadProbes {
    const fn sum(self) -> u32 {
        self.failed + self.throttled + self.slow + self.expired
    }
}

/// The numbers of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundView {
    pub(crate) settled: u32,
    pub(crate) bad: BadProbes,
    pub(crate) in_flight: u32,
    pub(crate) probes: u32,
}

/// Probes that timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expired {
    pub(super) probes: u32,
    /// When the last of them timed out.
    pub(super) at: Nanos,
}

impl HalfOpen {
    pub(super) fn new(since: Nanos, trip: Arc<Trip>, settings: RoundSettings) -> Self {
        // Few rounds need room for thousands.
        let room = settings.probes.min(16) as usize;
        Self {
            since,
            trip,
            settings,
            in_flight: Vec::with_capacity(room),
            settled: Tally::default(),
            bad: BadProbes::default(),
            next_ticket: 0,
        }
    }

    /// Admits a probe and returns its ticket, if a slot is free.
    pub(super) fn admit(&mut self, now: Nanos) -> Result<Option<u32>, Refusal> {
        if self.is_full() {
            return Err(self.probes_taken(now));
        }
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        self.in_flight.push(Probe { ticket, ends: now.saturating_add(self.settings.timeout) });
        Ok(Some(ticket))
    }

    fn is_full(&self) -> bool {
        self.in_flight.len() + self.settled.total as usize >= self.settings.probes as usize
    }

    fn probes_taken(&self, now: Nanos) -> Refusal {
        let until = self.next_timeout().unwrap_or(now);
        Refusal::Probing { trip: Arc::clone(&self.trip), since: self.since, until }
    }

    /// Returns why a call at `now` would be refused, if it would be. A probe that has timed out by then leaves a free slot.
    pub(super) fn refusal(&self, now: Nanos) -> Option<Refusal> {
        let refuses = self.is_full() && self.next_timeout().is_none_or(|ends| now < ends);
        refuses.then(|| self.probes_taken(now))
    }

    /// Returns when the first probe times out.
    fn next_timeout(&self) -> Option<Nanos> {
        self.in_flight.iter().map(|probe| probe.ends).min()
    }

    /// Releases the slot of a probe that has ended. Returns `false` if the probe had timed out: it counts as failed already.
    pub(super) fn release(&mut self, ticket: u32) -> bool {
        let found = self.in_flight.iter().position(|probe| probe.ticket == ticket);
        found.map(|at| self.in_flight.swap_remove(at)).is_some()
    }

    /// Counts a probe whose slot was released.
    pub(super) const fn count(&mut self, entry: Entry) {
        self.settled.add(entry);
        if entry.is_failed() {
            self.bad.failed += 1;
        } else if entry.is_throttled() {
            self.bad.throttled += 1;
        } else if entry.is_slow() {
            self.bad.slow += 1;
        }
    }

    /// Counts the probes that have timed out by `now` as failed, and releases their slots.
    pub(super) fn expire(&mut self, now: Nanos) -> Option<Expired> {
        let mut expired: Option<Expired> = None;
        self.in_flight.retain(|probe| {
            let keep = now < probe.ends;
            if !keep {
                let Expired { probes, at } = expired.unwrap_or(Expired { probes: 0, at: 0 });
                expired = Some(Expired { probes: probes + 1, at: probe.ends.max(at) });
            }
            keep
        });
        for _ in 0..expired.map_or(0, |expired| expired.probes) {
            self.settled.add(Entry::FAILED);
            self.bad.expired += 1;
        }
        expired
    }

    /// Decides as soon as no further probe could change the decision. `since` is when a timeout decided, if one did.
    pub(super) fn decision(&self, since: Option<Nanos>) -> Option<Transition> {
        let RoundSettings { probes, needed, failure_rate, slow_rate, .. } = self.settings;
        let (bad, total) = (self.bad.sum(), self.settled.total);
        let (reopens, closes) = match needed {
            Some(needed) => (bad > probes - needed, total - bad >= needed),
            None => {
                let reached =
                    |count, rate: Option<Threshold>| rate.is_some_and(|rate| rate.is_reached(count, probes));
                let Tally { failed, slow, throttled, .. } = self.settled;
                (reached(failed + throttled, failure_rate) || reached(slow, slow_rate), total >= probes)
            }
        };
        if reopens {
            let BadProbes { failed, throttled, slow, expired } = self.bad;
            let rule = TripReason::Probes { failed, throttled, slow, expired, probes };
            Some(Transition::Open { rule, since })
        } else {
            closes.then_some(Transition::Close)
        }
    }

    pub(super) const fn slow_call(&self) -> Option<Nanos> {
        self.settings.slow_call
    }

    pub(super) const fn settled(&self) -> Tally {
        self.settled
    }

    pub(super) const fn view(&self) -> RoundView {
        RoundView {
            settled: self.settled.total,
            bad: self.bad,
            in_flight: self.in_flight.len() as u32,
            probes: self.settings.probes,
        }
    }

    pub(super) const fn since(&self) -> Nanos {
        self.since
    }

    pub(super) const fn trip(&self) -> &Arc<Trip> {
        &self.trip
    }

    pub(super) fn into_trip(self) -> Arc<Trip> {
        self.trip
    }
}
