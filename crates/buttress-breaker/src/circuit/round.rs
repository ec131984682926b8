//! A round of probes: what a half-open circuit admits, and what follows from it.

use buttress_error::TripReason;

use crate::circuit::settings::RoundSettings;
use crate::circuit::threshold::Threshold;
use crate::circuit::time::Nanos;
use crate::circuit::window::{Entry, Tally};

/// The probes of one half-open period. Those in flight and those settled are never more than the round has.
#[derive(Debug)]
pub(crate) struct Round {
    /// As they were when it began: a round that other settings made larger or smaller could wait for nobody.
    settings: RoundSettings,
    live: Vec<Lease>,
    settled: Tally,
    bad: Bad,
    next_ticket: u32,
}

/// Settled probes that count against the dependency, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) failed: u32,
    pub(crate) throttled: u32,
    /// Those that succeeded.
    pub(crate) slow: u32,
    /// Those that outlived their lease.
    pub(crate) expired: u32,
}

impl Bad {
    pub(crate) const fn sum(self) -> u32 {
        self.failed + self.throttled + self.slow + self.expired
    }
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    ticket: u32,
    ends: Nanos,
}

/// What the probes so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Undecided,
    Close,
    Reopen,
}

impl Round {
    pub(crate) fn new(settings: RoundSettings) -> Self {
        // Few rounds need room for thousands.
        let room = settings.probes.min(16) as usize;
        Self {
            settings,
            live: Vec::with_capacity(room),
            settled: Tally::default(),
            bad: Bad::default(),
            next_ticket: 0,
        }
    }

    /// Takes a slot, if one is free.
    pub(crate) fn take(&mut self, now: Nanos) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        self.live.push(Lease { ticket, ends: now.saturating_add(self.settings.timeout) });
        Some(ticket)
    }

    fn is_full(&self) -> bool {
        self.live.len() + self.settled.total as usize >= self.settings.probes as usize
    }

    /// Would [`take`](Self::take) find nothing, now and after leases that have ended?
    pub(crate) fn refuses(&self, now: Nanos) -> bool {
        self.is_full() && self.next_end().is_none_or(|ends| now < ends)
    }

    /// When the first lease ends.
    pub(crate) fn next_end(&self) -> Option<Nanos> {
        self.live.iter().map(|lease| lease.ends).min()
    }

    /// Gives the slot back. False if the lease has ended before: then the probe counts as failed already.
    pub(crate) fn give_back(&mut self, ticket: u32) -> bool {
        let found = self.live.iter().position(|lease| lease.ticket == ticket);
        found.map(|at| self.live.swap_remove(at)).is_some()
    }

    /// Counts a probe that has given its slot back.
    pub(crate) const fn count(&mut self, entry: Entry) {
        self.settled.add(entry);
        if entry.is_failed() {
            self.bad.failed += 1;
        } else if entry.is_throttled() {
            self.bad.throttled += 1;
        } else if entry.is_slow() {
            self.bad.slow += 1;
        }
    }

    /// Takes back the slots whose lease has ended by `now`, as failed probes; says how many and when the last ended.
    pub(crate) fn expire(&mut self, now: Nanos) -> Option<(u32, Nanos)> {
        let mut expired = None;
        self.live.retain(|lease| {
            let keep = now < lease.ends;
            if !keep {
                let (count, last) = expired.unwrap_or((0, 0));
                expired = Some((count + 1, lease.ends.max(last)));
            }
            keep
        });
        for _ in 0..expired.map_or(0, |(count, _)| count) {
            self.settled.add(Entry::FAILED);
            self.bad.expired += 1;
        }
        expired
    }

    /// Decides as soon as no further probe could change it.
    pub(crate) fn verdict(&self) -> Verdict {
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
            Verdict::Reopen
        } else if closes {
            Verdict::Close
        } else {
            Verdict::Undecided
        }
    }

    /// The rule by which it reopens the circuit.
    pub(crate) const fn rule(&self) -> TripReason {
        let Bad { failed, throttled, slow, expired } = self.bad;
        TripReason::Probes { failed, throttled, slow, expired, probes: self.settings.probes }
    }

    pub(crate) const fn slow_call(&self) -> Option<Nanos> {
        self.settings.slow_call
    }

    pub(crate) const fn probes(&self) -> u32 {
        self.settings.probes
    }

    /// Those under way.
    pub(crate) fn live(&self) -> u32 {
        self.live.len() as u32
    }

    pub(crate) const fn bad(&self) -> Bad {
        self.bad
    }

    pub(crate) const fn settled(&self) -> Tally {
        self.settled
    }
}
