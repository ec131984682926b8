//! What a circuit does as a member of a fleet.

use std::sync::Arc;

use buttress_error::{Trip, TripReason};

use crate::circuit::fleet::{FleetState, Lease, ProbeResult};
use crate::circuit::fleet_open::FleetOpen;
use crate::circuit::time::{Nanos, nanos};
use crate::circuit::transition::StateChange;
use crate::circuit::{Circuit, Phase};

impl Circuit {
    /// Returns `true` if its own rules hold the circuit open or half-open.
    pub(crate) const fn votes_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::HalfOpen(_))
    }

    /// Returns the results of leased probes since the last call.
    pub(crate) fn take_probe_results(&mut self, now: Nanos) -> Vec<(Lease, ProbeResult)> {
        let now = self.advance(now);
        if let Phase::Fleet(fleet) = &mut self.phase {
            self.stats.expired += fleet.expire(now, &mut self.probe_log);
        }
        self.probe_log.take()
    }

    /// Adopts the state of the fleet. A local order has precedence.
    pub(crate) fn adopt(&mut self, state: FleetState, now: Nanos) -> Option<StateChange> {
        let now = self.advance(now);
        match (state, &mut self.phase) {
            (_, Phase::ForcedOpen { .. } | Phase::Disabled { .. }) => None,
            (FleetState::Open { wait }, Phase::Fleet(fleet)) => {
                fleet.set_end(now.saturating_add(nanos(wait)));
                None
            }
            (FleetState::Open { wait }, _) => {
                let until = now.saturating_add(nanos(wait));
                let cause = match &self.phase {
                    Phase::Open(open) => open.trip().cause.clone(),
                    Phase::HalfOpen(round) => round.trip().cause.clone(),
                    _ => self.last_failure.as_ref().map(|failure| failure.cause.clone()),
                };
                let trip = Arc::new(Trip::new(Arc::clone(&self.name), TripReason::Fleet, cause));
                let opened = Some((Arc::clone(&trip), until - now));
                let change = self.enter(Phase::Fleet(FleetOpen::new(now, until, trip)));
                Some(StateChange { opened, ..change })
            }
            (FleetState::Closed, Phase::Fleet(_)) => Some(self.recover(now)),
            (FleetState::Unknown, Phase::Fleet(fleet)) => {
                let open = fleet.without_fleet();
                Some(self.enter(Phase::Open(open)))
            }
            (FleetState::Closed | FleetState::Unknown, _) => None,
        }
    }

    /// Makes the next call a probe if it comes before the lease ends. Otherwise the lease is reported as abandoned.
    pub(crate) fn grant(&mut self, lease: Lease, now: Nanos) {
        let now = self.advance(now);
        match &mut self.phase {
            Phase::Fleet(fleet) => fleet.grant(lease, &mut self.probe_log, now),
            _ => self.probe_log.add(lease, ProbeResult::Abandoned),
        }
    }
}
