//! `Open`: a circuit that refuses calls until its wait is over.

use std::sync::Arc;

use buttress_error::Trip;

use crate::circuit::refusal::Refusal;
use crate::circuit::time::Nanos;

#[derive(Debug)]
pub(super) struct Open {
    since: Nanos,
    until: Nanos,
    trip: Arc<Trip>,
}

impl Open {
    pub(super) const fn new(since: Nanos, until: Nanos, trip: Arc<Trip>) -> Self {
        Self { since, until, trip }
    }

    pub(super) const fn is_over(&self, now: Nanos) -> bool {
        self.until <= now
    }

    pub(super) fn refusal(&self) -> Refusal {
        Refusal::Open { trip: Arc::clone(&self.trip), since: self.since, until: self.until }
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
