//! `Refusal`: why a call is refused.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{Rejection, RejectionReason, Trip};

use crate::circuit::pass::NO_EPOCH;
use crate::circuit::time::Nanos;

/// Why a call is refused. It holds for a while, so it has points in time where a [`Rejection`] has durations.
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
        name: Arc<str>,
        since: Nanos,
    },
    /// The circuit is closed, but admits only `percent` of the calls.
    Ramping {
        name: Arc<str>,
        percent: u8,
        since: Nanos,
        until: Nanos,
    },
}

impl Refusal {
    /// Returns how long it holds if nothing happens; none if there is no end.
    pub(crate) const fn remaining(&self, now: Nanos) -> Option<Nanos> {
        match self {
            Self::Open { until, .. } | Self::Probing { until, .. } | Self::Ramping { until, .. } => {
                Some(until.saturating_sub(now))
            }
            Self::Forced { .. } => None,
        }
    }

    /// Returns when the step of the ramp ends that refuses this call, if one does.
    pub(crate) const fn ramp_step_ends(&self) -> Option<Nanos> {
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

/// A refusal that a service remembers, to refuse the next calls without the circuit's lock.
#[derive(Clone, Debug)]
pub(crate) struct RememberedRefusal {
    /// The epoch of an open circuit, whose wait does not change: the refusal holds until the wait is over. With
    /// [`NO_EPOCH`] the refusal is for one call.
    pub(crate) epoch: u64,
    pub(crate) refusal: Refusal,
}

impl RememberedRefusal {
    /// Returns `true` if the wait is not over.
    pub(crate) fn holds(&self, now: Nanos) -> bool {
        self.epoch != NO_EPOCH && self.refusal.remaining(now).is_some_and(|remaining| remaining > 0)
    }
}

/// A call that was refused, and when. A [`Rejection`] is made from it only where a caller receives it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) at: Nanos,
}

/// Allocates nothing.
impl From<Refused> for Rejection {
    fn from(Refused { refusal, at }: Refused) -> Self {
        let time = Duration::from_nanos;
        let remaining = time(refusal.remaining(at).unwrap_or(0));
        let elapsed = |since: Nanos| time(at.saturating_sub(since));
        match refusal {
            Refusal::Open { trip, since, .. } => {
                Self::circuit_open(trip, elapsed(since)).with_retry_after(remaining)
            }
            Refusal::Probing { trip, since, .. } => {
                Self::probes_taken(trip, elapsed(since)).with_retry_after(remaining)
            }
            Refusal::Forced { name, since } => Self::forced_open(name, elapsed(since)),
            Refusal::Ramping { name, percent, since, .. } => {
                Self::ramping(name, percent, elapsed(since)).with_retry_after(remaining)
            }
        }
    }
}
