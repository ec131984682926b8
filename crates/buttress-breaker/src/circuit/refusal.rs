//! `Refusal`: why a call is refused.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{Rejection, RejectionReason, Trip};

use crate::circuit::time::Nanos;

/// Why a call is refused: true for some time, and so in points of time.
#[derive(Debug)]
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
        name: Arc<str>,
        since: Nanos,
    },
    /// The circuit is closed, but takes only so many of 100 calls as yet.
    Ramping {
        name: Arc<str>,
        percent: u8,
        since: Nanos,
        until: Nanos,
    },
}

impl Clone for Refusal {
    // In line always: a future that lends its memory to a call is kept in memory as a whole, and a stack would move it.
    #[inline(always)]
    fn clone(&self) -> Self {
        match self {
            Self::Open { trip, since, until } => {
                Self::Open { trip: Arc::clone(trip), since: *since, until: *until }
            }
            Self::Probing { trip, since, until } => {
                Self::Probing { trip: Arc::clone(trip), since: *since, until: *until }
            }
            Self::Forced { name, since } => Self::Forced { name: Arc::clone(name), since: *since },
            Self::Ramping { name, percent, since, until } => {
                Self::Ramping { name: Arc::clone(name), percent: *percent, since: *since, until: *until }
            }
        }
    }
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

    pub(crate) const fn reason(&self) -> RejectionReason {
        match self {
            Self::Open { .. } => RejectionReason::CircuitOpen,
            Self::Probing { .. } => RejectionReason::ProbesTaken,
            Self::Forced { .. } => RejectionReason::ForcedOpen,
            Self::Ramping { .. } => RejectionReason::Ramping,
        }
    }
}

/// A call that was refused. What its caller is told is made of it where it is told.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) at: Nanos,
}

/// Allocates nothing.
impl From<Refused> for Rejection {
    fn from(Refused { refusal, at }: Refused) -> Self {
        let time = Duration::from_nanos;
        let rest = time(refusal.rest(at).unwrap_or(0));
        let elapsed = |since: Nanos| time(at.saturating_sub(since));
        match refusal {
            Refusal::Open { trip, since, .. } => Self::circuit_open(trip, elapsed(since)).retry_after(rest),
            Refusal::Probing { trip, since, .. } => {
                Self::probes_taken(trip, elapsed(since)).retry_after(rest)
            }
            Refusal::Forced { name, since } => Self::forced_open(name, elapsed(since)),
            Refusal::Ramping { name, percent, since, .. } => {
                Self::ramping(name, percent, elapsed(since)).retry_after(rest)
            }
        }
    }
}
