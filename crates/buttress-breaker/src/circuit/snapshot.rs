//! `Snapshot`: everything about a circuit at one moment, for its explanation.

use std::sync::Arc;

use buttress_error::{Cause, Trip};

use crate::circuit::half_open::RoundView;
use crate::circuit::settings::Settings;
use crate::circuit::state::State;
use crate::circuit::stats::BreakerStats;
use crate::circuit::time::Nanos;
use crate::circuit::window::{Tally, Window};
use crate::circuit::{Circuit, Phase};

#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) settings: Arc<Settings>,
    pub(crate) state: State,
    pub(crate) shadow: bool,
    /// Whether the circuit is open because its fleet is.
    pub(crate) opened_by_fleet: bool,
    /// How long it has been in this state.
    pub(crate) age: Nanos,
    /// Why it opened.
    pub(crate) trip: Option<Arc<Trip>>,
    /// The last failure of this epoch.
    pub(crate) last_failure: Option<Cause>,
    /// How long it stays open.
    pub(crate) remaining: Option<Nanos>,
    pub(crate) round: Option<RoundView>,
    pub(crate) ramp: Option<RampView>,
    pub(crate) windows: Vec<(Window, Tally)>,
    pub(crate) streak: u32,
    pub(crate) stats: BreakerStats,
}

/// A step of a ramp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RampView {
    /// The share of admitted calls.
    pub(crate) percent: u8,
    /// How long all steps take from now on.
    pub(crate) remaining: Nanos,
    /// How long this step takes from now on.
    pub(crate) step_remaining: Nanos,
}

impl Circuit {
    /// The counts are those of [`stats`](Self::stats).
    pub(crate) fn snapshot(&mut self, now: Nanos) -> Snapshot {
        let stats = self.stats(now);
        let now = self.advance(now);
        let (since, trip, remaining, round, ramp) = match &self.phase {
            Phase::Closed(closed) => {
                let ramp = closed.ramp(now).map(|ramp| RampView {
                    percent: ramp.percent(now),
                    remaining: ramp.ends().saturating_sub(now),
                    step_remaining: ramp.step_ends(now).saturating_sub(now),
                });
                (closed.since(), None, None, None, ramp)
            }
            Phase::ForcedOpen { since } | Phase::Disabled { since } => (*since, None, None, None, None),
            Phase::Open(open) => (open.since(), Some(open.trip()), Some(open.remaining(now)), None, None),
            Phase::Fleet(fleet) => {
                (fleet.since(), Some(fleet.trip()), Some(fleet.remaining(now)), None, None)
            }
            Phase::HalfOpen(round) => (round.since(), Some(round.trip()), None, Some(round.view()), None),
        };
        Snapshot {
            state: self.state(),
            shadow: self.shadow,
            opened_by_fleet: matches!(self.phase, Phase::Fleet(_)),
            age: now.saturating_sub(since),
            trip: trip.cloned(),
            last_failure: self.last_failure.as_ref().map(|failure| failure.cause.clone()),
            remaining,
            round,
            ramp,
            windows: self.record.tallies(&self.settings, now),
            streak: self.record.streak(),
            stats,
            settings: Arc::clone(&self.settings),
        }
    }
}
