//! `Permit`: permits that a call has taken.

use crate::limit::RateLimit;

/// Permits that a call has taken. They are used up: dropping the value gives nothing back.
#[derive(Debug)]
pub struct Permit {
    limit: RateLimit,
    weight: u32,
}

impl Permit {
    pub(crate) const fn new(limit: RateLimit, weight: u32) -> Self {
        Self { limit, weight }
    }

    pub(crate) fn into_limit(self) -> RateLimit {
        self.limit
    }

    /// Returns how many permits were taken.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// Corrects the weight to what the call really used: what was not used comes back, and what was used beyond it delays
    /// later calls, even beyond the burst. Calls that are waiting keep their times.
    pub fn settle(self, actual: u32) {
        self.limit.settle(self.weight, actual);
    }
}
