//! `BreakerStats`: the counts of a breaker.

use crate::circuit::window::Tally;

/// The counts of a breaker. Lifetime counts never decrease, not even by [`reset`](crate::Breaker::reset).
///
/// Each admitted call is either in flight or settled in one way:
/// `admitted == in_flight() + succeeded + failed + throttled + neutral + late`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct BreakerStats {
    /// The window of a closed circuit, or the settled probes of a half-open one. If there are several windows, it is the one of
    /// the setters. For [`Window::consecutive`](crate::Window::consecutive) it is the failures in a row. An open circuit still
    /// has its window, and a time window still slides.
    pub window: WindowStats,
    /// Calls that were admitted.
    pub admitted: u64,
    /// Calls that were refused.
    pub rejected: u64,
    /// Calls that were admitted only because of shadow mode. They count nowhere else.
    pub shadowed: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that failed, throttled ones excluded.
    pub failed: u64,
    /// Calls that the dependency throttled.
    pub throttled: u64,
    /// Calls that said nothing about the dependency.
    pub neutral: u64,
    /// Results of an earlier epoch of the circuit, or of a probe that had timed out. They changed nothing.
    pub late: u64,
    /// Calls among those that succeeded, failed or were throttled that were slow.
    pub slow: u64,
    /// Calls among all these that were dropped before they had an outcome.
    pub abandoned: u64,
    /// Probes that timed out. Each settles later, as late.
    pub expired: u64,
    /// State changes.
    pub transitions: u64,
}

impl BreakerStats {
    /// Returns the number of admitted calls that are not settled.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        let settled = self.succeeded + self.failed + self.throttled + self.neutral + self.late;
        self.admitted.saturating_sub(settled)
    }
}

/// The calls that a circuit judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowStats {
    /// All of them. Neutral calls never count.
    pub total: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were slow; always zero without a slow-call limit.
    pub slow: u32,
    /// Those that were throttled.
    pub throttled: u32,
}

impl WindowStats {
    /// Returns the share of failed calls, 0.0..=1.0; none for an empty window.
    #[must_use]
    pub fn failure_rate(&self) -> Option<f64> {
        self.share(self.failed)
    }

    /// Returns the share of slow calls, 0.0..=1.0; none for an empty window.
    #[must_use]
    pub fn slow_rate(&self) -> Option<f64> {
        self.share(self.slow)
    }

    /// Returns the share of throttled calls, 0.0..=1.0; none for an empty window.
    #[must_use]
    pub fn throttle_rate(&self) -> Option<f64> {
        self.share(self.throttled)
    }

    fn share(&self, count: u32) -> Option<f64> {
        (self.total > 0).then(|| f64::from(count) / f64::from(self.total))
    }
}

impl From<Tally> for WindowStats {
    fn from(tally: Tally) -> Self {
        let Tally { total, failed, slow, throttled } = tally;
        Self { total, failed, slow, throttled }
    }
}
