//! `Shut`: what a service remembers of an open circuit, to refuse the next calls without asking it.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{Rejection, Trip};

use crate::state::{Nanos, Refusal};

/// True as long as the circuit is in the same epoch: an open circuit changes nothing about its wait.
#[derive(Clone, Debug)]
pub(crate) struct Shut {
    pub(crate) epoch: u64,
    since: Nanos,
    until: Nanos,
    trip: Arc<Trip>,
}

impl Shut {
    /// Of a refusal at `now`; none where the refusal has no epoch of its own, or none that lasts.
    pub(crate) fn new(refusal: &Refusal, epoch: u64, now: Nanos) -> Option<Self> {
        match refusal {
            Refusal::Open { trip, elapsed, rest } if epoch != 0 => Some(Self {
                epoch,
                since: now.saturating_sub(*elapsed),
                until: now.saturating_add(*rest),
                trip: Arc::clone(trip),
            }),
            _ => None,
        }
    }

    /// Is the wait not over yet?
    pub(crate) const fn holds(&self, now: Nanos) -> bool {
        now < self.until
    }

    pub(crate) fn rejection(&self, now: Nanos) -> Rejection {
        let since = Duration::from_nanos(now.saturating_sub(self.since));
        let rest = Duration::from_nanos(self.until - now);
        Rejection::circuit_open(Arc::clone(&self.trip), since).retry_after(rest)
    }
}
