//! `FleetOpen`: a circuit that is open because its fleet is, and admits only leased probes.

use std::sync::Arc;

use buttress_error::Trip;

use crate::circuit::fleet::{Lease, ProbeResult};
use crate::circuit::open::Open;
use crate::circuit::outcome::Outcome;
use crate::circuit::refusal::Refusal;
use crate::circuit::time::{Nanos, nanos};

/// When a refused call may retry if the fleet grants its next probe at an unknown time: the interval of its exchanges.
const EXCHANGE_INTERVAL: Nanos = 200_000_000;

#[derive(Debug)]
pub(super) struct FleetOpen {
    since: Nanos,
    /// When the fleet grants the first probe.
    until: Nanos,
    trip: Arc<Trip>,
    /// Leases for calls to come.
    unused: Vec<Granted>,
    /// Leases of calls in flight.
    in_use: Vec<Granted>,
}

#[derive(Clone, Copy, Debug)]
struct Granted {
    lease: Lease,
    ends: Nanos,
    /// Identifies its call.
    ticket: u32,
}

/// The results of leased probes. They outlive the state that admitted the probes.
#[derive(Debug, Default)]
pub(super) struct ProbeLog {
    results: Vec<(Lease, ProbeResult)>,
    next_ticket: u32,
}

impl ProbeLog {
    pub(super) fn add(&mut self, lease: Lease, result: ProbeResult) {
        self.results.push((lease, result));
    }

    /// Returns the results since the last call.
    pub(super) fn take(&mut self) -> Vec<(Lease, ProbeResult)> {
        std::mem::take(&mut self.results)
    }
}

impl FleetOpen {
    pub(super) const fn new(since: Nanos, until: Nanos, trip: Arc<Trip>) -> Self {
        Self { since, until, trip, unused: Vec::new(), in_use: Vec::new() }
    }

    pub(super) const fn set_end(&mut self, until: Nanos) {
        self.until = until;
    }

    /// Adds a lease for the next call.
    pub(super) fn grant(&mut self, lease: Lease, log: &mut ProbeLog, now: Nanos) {
        let ticket = log.next_ticket;
        log.next_ticket = ticket.wrapping_add(1);
        self.unused.push(Granted { lease, ends: now.saturating_add(nanos(lease.time)), ticket });
    }

    /// Admits a probe and returns its ticket, if there is a lease for it.
    pub(super) fn admit(&mut self, now: Nanos) -> Result<Option<u32>, Refusal> {
        let Some(at) = self.unused.iter().position(|granted| now < granted.ends) else {
            return Err(self.refused(now));
        };
        let granted = self.unused.swap_remove(at);
        self.in_use.push(granted);
        Ok(Some(granted.ticket))
    }

    fn refused(&self, now: Nanos) -> Refusal {
        // Once the wait is over, a probe may be granted at any time.
        let until = self.until.max(now.saturating_add(EXCHANGE_INTERVAL));
        Refusal::Open { trip: Arc::clone(&self.trip), since: self.since, until }
    }

    /// Returns why a call at `now` would be refused, if it would be.
    pub(super) fn refusal(&self, now: Nanos) -> Option<Refusal> {
        let has_lease = self.unused.iter().any(|granted| now < granted.ends);
        (!has_lease).then(|| self.refused(now))
    }

    pub(super) fn holds(&self, ticket: u32) -> bool {
        self.in_use.iter().any(|granted| granted.ticket == ticket)
    }

    /// Records the result of the probe with this ticket. A slow or throttled probe has failed.
    pub(super) fn settle(&mut self, ticket: u32, outcome: Outcome, slow: bool, log: &mut ProbeLog) {
        let result = match outcome {
            Outcome::Success if !slow => ProbeResult::Succeeded,
            Outcome::Neutral | Outcome::Abandoned => ProbeResult::Abandoned,
            _ => ProbeResult::Failed,
        };
        if let Some(at) = self.in_use.iter().position(|granted| granted.ticket == ticket) {
            log.add(self.in_use.swap_remove(at).lease, result);
        }
    }

    /// Ends the leases that have expired by `now`: a probe in flight has failed, and an unused lease is returned. Returns the
    /// number of expired probes.
    pub(super) fn expire(&mut self, now: Nanos, log: &mut ProbeLog) -> u64 {
        let mut expired = 0;
        self.in_use.retain(|granted| {
            let keep = now < granted.ends;
            if !keep {
                expired += 1;
                log.add(granted.lease, ProbeResult::Failed);
            }
            keep
        });
        self.unused.retain(|granted| {
            let keep = now < granted.ends;
            if !keep {
                log.add(granted.lease, ProbeResult::Abandoned);
            }
            keep
        });
        expired
    }

    /// Returns the open circuit that waits on its own for the rest of the fleet's wait.
    pub(super) fn without_fleet(&self) -> Open {
        Open::new(self.since, self.until, Arc::clone(&self.trip))
    }

    pub(super) const fn since(&self) -> Nanos {
        self.since
    }

    /// Returns what is left of the wait.
    pub(super) const fn remaining(&self, now: Nanos) -> Nanos {
        self.until.saturating_sub(now)
    }

    pub(super) const fn trip(&self) -> &Arc<Trip> {
        &self.trip
    }

    pub(super) fn into_trip(self) -> Arc<Trip> {
        self.trip
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::circuit::builder::BreakerBuilder;
    use crate::circuit::fleet::FleetState;
    use crate::circuit::pass::Pass;
    use crate::circuit::settings::Settings;
    use crate::circuit::{Admission, Circuit};

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
            Admission::Pass(pass) => pass,
            other => panic!("{other:?}"),
        }
    }

    /// [S42] a probe that took longer than a call may is no good one, whatever it answered.
    #[test]
    fn a_slow_probe_has_failed() {
        for (outcome, took, result) in [
            (Outcome::Success, LIMIT, ProbeResult::Succeeded),
            (Outcome::Success, LIMIT + 1, ProbeResult::Failed),
            (Outcome::Failure, 1, ProbeResult::Failed),
            (Outcome::Throttle, 1, ProbeResult::Failed),
            (Outcome::Neutral, LIMIT + 1, ProbeResult::Abandoned),
            (Outcome::Abandoned, LIMIT + 1, ProbeResult::Abandoned),
            (Outcome::Abandoned, 500, ProbeResult::Failed),
        ] {
            let mut circuit = opened(7);
            circuit.grant(lease(3), 10);
            let pass = probe(&mut circuit, 10);
            assert_eq!(circuit.settle(&pass, outcome, Some(10 + took), &mut None), None);
            assert_eq!(
                circuit.take_probe_results(10 + took),
                [(lease(3), result)],
                "{outcome:?} after {took}"
            );
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
