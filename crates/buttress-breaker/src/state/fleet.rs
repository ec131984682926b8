//! The circuit of a breaker that shares its state with a fleet.

use std::sync::Arc;

use buttress_error::{Rule, Trip};

use super::circuit::Phase;
use super::{Change, Circuit, Mark, Nanos, nanos};
use crate::fleet::{Lease, ProbeResult, Verdict};

/// The probes that the fleet has granted to this circuit.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// Those for calls to come.
    waiting: Vec<Granted>,
    /// Those of calls in flight.
    live: Vec<Granted>,
}

#[derive(Clone, Copy, Debug)]
struct Granted {
    lease: Lease,
    ends: Nanos,
    /// What its call is known by.
    ticket: u32,
}

impl Leases {
    /// The next call is the probe.
    fn take(&mut self, now: Nanos) -> Option<u32> {
        let at = self.waiting.iter().position(|granted| now < granted.ends)?;
        let granted = self.waiting.swap_remove(at);
        self.live.push(granted);
        Some(granted.ticket)
    }

    pub(super) fn has_one(&self, now: Nanos) -> bool {
        self.waiting.iter().any(|granted| now < granted.ends)
    }

    pub(super) fn is_live(&self, ticket: u32) -> bool {
        self.live.iter().any(|granted| granted.ticket == ticket)
    }

    fn end(&mut self, ticket: u32) -> Option<Lease> {
        let at = self.live.iter().position(|granted| granted.ticket == ticket)?;
        Some(self.live.swap_remove(at).lease)
    }
}

impl Circuit {
    /// Takes a granted probe, if there is one.
    pub(super) fn take_lease(&mut self, now: Nanos) -> Option<u32> {
        self.expire_leases(now);
        let Phase::Fleet { leases, .. } = &mut self.phase else { return None };
        leases.take(now)
    }

    /// The call that held this ticket has ended. A slow or throttled probe failed.
    pub(super) fn end_lease(&mut self, ticket: u32, mark: Mark, slow: bool) {
        let Phase::Fleet { leases, .. } = &mut self.phase else { return };
        let result = match mark {
            Mark::Success if !slow => ProbeResult::Succeeded,
            Mark::Neutral | Mark::Abandoned => ProbeResult::Abandoned,
            _ => ProbeResult::Failed,
        };
        self.probed.extend(leases.end(ticket).map(|lease| (lease, result)));
    }

    /// A probe that outlives its lease failed; one that waited in vain goes back.
    pub(super) fn expire_leases(&mut self, now: Nanos) {
        let Phase::Fleet { leases, .. } = &mut self.phase else { return };
        let Self { probed, stats, .. } = self;
        leases.live.retain(|granted| {
            let keep = now < granted.ends;
            if !keep {
                stats.expired += 1;
                probed.push((granted.lease, ProbeResult::Failed));
            }
            keep
        });
        leases.waiting.retain(|granted| {
            let keep = now < granted.ends;
            if !keep {
                probed.push((granted.lease, ProbeResult::Abandoned));
            }
            keep
        });
    }

    /// Is its own circuit open, or probing?
    pub(crate) const fn votes(&self) -> bool {
        matches!(self.phase, Phase::Open { .. } | Phase::HalfOpen { .. })
    }

    /// What has become of probes since this was last asked.
    pub(crate) fn probed(&mut self, now: Nanos) -> Vec<(Lease, ProbeResult)> {
        let now = self.tick(now);
        self.expire_leases(now);
        std::mem::take(&mut self.probed)
    }

    /// Does what the fleet says. An order that somebody gave here is stronger.
    pub(crate) fn adopt(&mut self, verdict: Verdict, now: Nanos) -> Option<Change> {
        let now = self.tick(now);
        match (verdict, &mut self.phase) {
            (_, Phase::ForcedOpen { .. } | Phase::Disabled { .. }) => None,
            (Verdict::Open { rest }, Phase::Fleet { until, .. }) => {
                *until = now.saturating_add(nanos(rest));
                None
            }
            (Verdict::Open { rest }, _) => {
                let until = now.saturating_add(nanos(rest));
                let cause = match &self.phase {
                    Phase::Open { trip, .. } | Phase::HalfOpen { trip, .. } => trip.cause.clone(),
                    _ => self.last.as_ref().map(|failure| failure.cause.clone()),
                };
                let trip = Arc::new(Trip::new(Arc::clone(&self.name), Rule::Fleet, cause));
                let opened = Some((Arc::clone(&trip), until - now));
                let change = self.enter(Phase::Fleet { since: now, until, trip, leases: Leases::default() });
                Some(Change { opened, ..change })
            }
            (Verdict::Closed, Phase::Fleet { .. }) => Some(self.recover(now)),
            (Verdict::Unknown, Phase::Fleet { since, until, trip, .. }) => {
                let own = Phase::Open { since: *since, until: *until, trip: Arc::clone(trip) };
                Some(self.enter(own))
            }
            (Verdict::Closed | Verdict::Unknown, _) => None,
        }
    }

    /// The next call is a probe, if it comes before the lease ends; else the lease is told as abandoned.
    pub(crate) fn grant(&mut self, lease: Lease, now: Nanos) {
        let now = self.tick(now);
        let ticket = self.tickets;
        self.tickets = ticket.wrapping_add(1);
        match &mut self.phase {
            Phase::Fleet { leases, .. } => {
                let ends = now.saturating_add(nanos(lease.time));
                leases.waiting.push(Granted { lease, ends, ticket });
            }
            _ => self.probed.push((lease, ProbeResult::Abandoned)),
        }
    }
}
