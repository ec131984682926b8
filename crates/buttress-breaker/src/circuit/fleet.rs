//! The circuit of a breaker that shares its state with a fleet.

use std::sync::Arc;

use buttress_error::{Trip, TripReason};

use crate::circuit::change::{Change, Mark};
use crate::circuit::lease::{FleetState, Lease, ProbeResult};
use crate::circuit::time::{Nanos, nanos};
use crate::circuit::{Circuit, Phase};

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
    pub(crate) fn adopt(&mut self, state: FleetState, now: Nanos) -> Option<Change> {
        let now = self.tick(now);
        match (state, &mut self.phase) {
            (_, Phase::ForcedOpen { .. } | Phase::Disabled { .. }) => None,
            (FleetState::Open { wait }, Phase::Fleet { until, .. }) => {
                *until = now.saturating_add(nanos(wait));
                None
            }
            (FleetState::Open { wait }, _) => {
                let until = now.saturating_add(nanos(wait));
                let cause = match &self.phase {
                    Phase::Open { trip, .. } | Phase::HalfOpen { trip, .. } => trip.cause.clone(),
                    _ => self.last.as_ref().map(|failure| failure.cause.clone()),
                };
                let trip = Arc::new(Trip::new(Arc::clone(&self.name), TripReason::Fleet, cause));
                let opened = Some((Arc::clone(&trip), until - now));
                let change = self.enter(Phase::Fleet { since: now, until, trip, leases: Leases::default() });
                Some(Change { opened, ..change })
            }
            (FleetState::Closed, Phase::Fleet { .. }) => Some(self.recover(now)),
            (FleetState::Unknown, Phase::Fleet { since, until, trip, .. }) => {
                let own = Phase::Open { since: *since, until: *until, trip: Arc::clone(trip) };
                Some(self.enter(own))
            }
            (FleetState::Closed | FleetState::Unknown, _) => None,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::circuit::Answer;
    use crate::circuit::builder::BreakerBuilder;
    use crate::circuit::pass::Pass;
    use crate::circuit::settings::Settings;

    const LIMIT: Nanos = 100;
    const LEASE: Nanos = 1_000;

    /// A circuit that the fleet has opened at `now`.
    fn opened(now: Nanos) -> Circuit {
        let builder = BreakerBuilder::new("db".into())
            .slow_call(Duration::from_nanos(LIMIT))
            .abandon_after(Duration::from_nanos(500));
        let mut circuit = Circuit::new("db".into(), Settings::new(builder));
        let change =
            circuit.adopt(FleetState::Open { wait: Duration::from_nanos(50) }, now).expect("it opens");
        // The wait, not the time when it ends: the clock need not be at zero.
        assert_eq!(change.opened.map(|(_, wait)| wait), Some(50));
        circuit
    }

    fn lease(token: u64) -> Lease {
        Lease { epoch: 1, token, time: Duration::from_nanos(LEASE) }
    }

    fn probe(circuit: &mut Circuit, now: Nanos) -> Pass {
        match circuit.admit(now) {
            Answer::Pass(pass) => pass,
            other => panic!("{other:?}"),
        }
    }

    /// [S42] a probe that took longer than a call may is no good one, whatever it answered.
    #[test]
    fn a_slow_probe_has_failed() {
        for (mark, took, result) in [
            (Mark::Success, LIMIT, ProbeResult::Succeeded),
            (Mark::Success, LIMIT + 1, ProbeResult::Failed),
            (Mark::Failure, 1, ProbeResult::Failed),
            (Mark::Throttle, 1, ProbeResult::Failed),
            (Mark::Neutral, LIMIT + 1, ProbeResult::Abandoned),
            (Mark::Abandoned, LIMIT + 1, ProbeResult::Abandoned),
            (Mark::Abandoned, 500, ProbeResult::Failed),
        ] {
            let mut circuit = opened(7);
            circuit.grant(lease(3), 10);
            let pass = probe(&mut circuit, 10);
            assert_eq!(circuit.settle(&pass, mark, Some(10 + took), &mut None), None);
            assert_eq!(circuit.probed(10 + took), [(lease(3), result)], "{mark:?} after {took}");
        }
    }

    /// [S42] a granted probe that waits for its call is no refusal, for `poll_ready` neither, until it is taken or has ended.
    #[test]
    fn a_waiting_probe_refuses_nobody() {
        let mut circuit = opened(7);
        assert!(circuit.refusal(10).is_some());
        circuit.grant(lease(3), 10);
        assert!(circuit.refusal(10).is_none() && circuit.refusal(9 + LEASE).is_none());
        assert!(circuit.refusal(10 + LEASE).is_some(), "it has ended");
        let mut circuit = opened(7);
        circuit.grant(lease(3), 10);
        probe(&mut circuit, 10);
        assert!(circuit.refusal(10).is_some(), "it is taken");
    }
}
