//! `Refusal`: why a call is refused.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{Rejection, Trip, Why};

use super::Nanos;

/// Why a call is refused: true for some time, and so in points of time.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Open {
        trip: Arc<Trip>,
        since: Nanos,
        until: Nanos,
    },
    Probing {
        trip: Arc<Trip>,
        since: Nanos,
        until: Nanos,
    },
    Forced {
        since: Nanos,
    },
    /// The circuit is closed, but takes only so many of 100 calls as yet.
    Ramping {
        percent: u8,
        since: Nanos,
        until: Nanos,
    },
}

impl Refusal {
    /// How long it lasts, if nothing happens; none, if that is for ever.
    pub(crate) const fn rest(&self, now: Nanos) -> Option<Nanos> {
        match self {
            Self::Open { until, .. } | Self::Probing { until, .. } | Self::Ramping { until, .. } => {
                Some(until.saturating_sub(now))
            }
            Self::Forced { .. } => None,
        }
    }

    /// Until when a ramp holds back this call, if it is one.
    pub(crate) const fn held_back(&self) -> Option<Nanos> {
        match self {
            Self::Ramping { until, .. } => Some(*until),
            _ => None,
        }
    }

    pub(crate) const fn why(&self) -> Why {
        match self {
            Self::Open { .. } => Why::CircuitOpen,
            Self::Probing { .. } => Why::ProbesTaken,
            Self::Forced { .. } => Why::ForcedOpen,
            Self::Ramping { .. } => Why::Ramping,
        }
    }

    /// What a caller is told whom the circuit `name` refuses at `now`. Allocates nothing.
    pub(crate) fn rejection(&self, name: &Arc<str>, now: Nanos) -> Rejection {
        let time = Duration::from_nanos;
        let since = |since: Nanos| time(now.saturating_sub(since));
        let rest = |until: Nanos| time(until.saturating_sub(now));
        match self {
            Self::Open { trip, since: at, until } => {
                Rejection::circuit_open(Arc::clone(trip), since(*at)).retry_after(rest(*until))
            }
            Self::Probing { trip, since: at, until } => {
                Rejection::probes_taken(Arc::clone(trip), since(*at)).retry_after(rest(*until))
            }
            Self::Forced { since: at } => Rejection::forced_open(Arc::clone(name), since(*at)),
            Self::Ramping { percent, since: at, until } => {
                Rejection::ramping(Arc::clone(name), *percent, since(*at)).retry_after(rest(*until))
            }
        }
    }
}
