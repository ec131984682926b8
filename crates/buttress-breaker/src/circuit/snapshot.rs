//! Everything about a circuit at one moment, for those who explain it.

use std::sync::Arc;

use buttress_error::{Cause, Trip};

use crate::circuit::change::State;
use crate::circuit::round::Bad;
use crate::circuit::settings::Settings;
use crate::circuit::stats::BreakerStats;
use crate::circuit::time::Nanos;
use crate::circuit::window::{Tally, Window};
use crate::circuit::{Circuit, Phase};

#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) settings: Arc<Settings>,
    pub(crate) state: State,
    pub(crate) shadow: bool,
    /// Does the fleet decide?
    pub(crate) away: bool,
    /// How long it has been in this state.
    pub(crate) since: Nanos,
    /// Why it opened.
    pub(crate) trip: Option<Arc<Trip>>,
    /// The last failure of this epoch.
    pub(crate) last: Option<Cause>,
    /// How long it stays open.
    pub(crate) rest: Option<Nanos>,
    /// The probes that are settled, those that count against the dependency, those under way, and all of the round.
    pub(crate) probes: Option<(u32, Bad, u32, u32)>,
    /// So many of 100 calls pass, and for how long that is so.
    pub(crate) ramp: Option<(u8, Nanos)>,
    pub(crate) windows: Vec<(Window, Tally)>,
    pub(crate) streak: u32,
    pub(crate) stats: BreakerStats,
}

impl Circuit {
    /// The counts are those of [`stats`](Self::stats).
    pub(crate) fn snapshot(&mut self, now: Nanos) -> Snapshot {
        let stats = self.stats(now);
        let now = self.tick(now);
        let (since, trip, rest, probes) = match &self.phase {
            Phase::Closed { since } | Phase::ForcedOpen { since } | Phase::Disabled { since } => {
                (since, None, None, None)
            }
            Phase::Open { since, until, trip } => (since, Some(trip), Some(until.saturating_sub(now)), None),
            Phase::Fleet { since, until, trip, .. } => {
                (since, Some(trip), Some(until.saturating_sub(now)), None)
            }
            Phase::HalfOpen { since, trip, round } => {
                let probes = (round.settled().total, round.bad(), round.live(), round.probes());
                (since, Some(trip), None, Some(probes))
            }
        };
        let ramp = self.ramp.as_ref().filter(|ramp| !ramp.is_over(now));
        let ramp = ramp.map(|ramp| (ramp.percent(now), ramp.step_ends(now).saturating_sub(now)));
        let tallies = self.memories.iter_mut().map(|memory| memory.tally(now));
        let windows = self.settings.windows.iter().copied().zip(tallies).collect();
        Snapshot {
            state: self.state(),
            shadow: self.shadow,
            away: matches!(self.phase, Phase::Fleet { .. }),
            since: now.saturating_sub(*since),
            trip: trip.cloned(),
            last: self.last.as_ref().map(|failure| failure.cause.clone()),
            rest,
            probes,
            ramp,
            windows,
            streak: self.streak,
            stats,
            settings: Arc::clone(&self.settings),
        }
    }
}
