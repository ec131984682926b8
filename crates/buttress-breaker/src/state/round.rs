//! A round of probes: what a half-open circuit admits, and what follows from it.

use crate::config::ToClose;
use crate::settings::Probing;
use crate::state::Nanos;
use crate::window::{Entry, Tally};

/// The probes of one half-open period. Those in flight and those settled are never more than the round has.
#[derive(Debug)]
pub(crate) struct Round {
    /// As they were when it began: a round that other settings made larger or smaller could wait for nobody.
    settings: Probing,
    live: Vec<Lease>,
    settled: Tally,
    /// Settled probes that count against the dependency: failed, throttled, slow, or too long in flight.
    bad: u32,
    next_ticket: u32,
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
    pub(crate) fn new(settings: Probing) -> Self {
        // Few rounds need room for thousands.
        let room = settings.probes.min(16) as usize;
        Self { settings, live: Vec::with_capacity(room), settled: Tally::default(), bad: 0, next_ticket: 0 }
    }

    /// Takes a slot, if one is free.
    pub(crate) fn take(&mut self, now: Nanos) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        self.live.push(Lease { ticket, ends: now.saturating_add(self.settings.lease) });
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
        self.bad += (!entry.is_ok()) as u32;
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
            self.count(Entry::FAILED);
        }
        expired
    }

    /// Decides as soon as no further probe could change it.
    pub(crate) fn verdict(&self) -> Verdict {
        let Probing { probes, failure_rate, slow_rate, .. } = self.settings;
        let needed = match self.settings.to_close {
            ToClose::All => probes,
            ToClose::AtLeast(needed) => needed,
            ToClose::ByRate => {
                let reached = |count: u32, rate: Option<f64>| {
                    rate.is_some_and(|rate| f64::from(count) / f64::from(probes) >= rate)
                };
                let Tally { total, failed, slow, throttled } = self.settled;
                return if reached(failed + throttled, failure_rate) || reached(slow, slow_rate) {
                    Verdict::Reopen
                } else if total >= probes {
                    Verdict::Close
                } else {
                    Verdict::Undecided
                };
            }
        };
        if self.bad > probes - needed {
            Verdict::Reopen
        } else if self.settled.total - self.bad >= needed {
            Verdict::Close
        } else {
            Verdict::Undecided
        }
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

    pub(crate) const fn bad(&self) -> u32 {
        self.bad
    }

    pub(crate) const fn settled(&self) -> Tally {
        self.settled
    }
}
