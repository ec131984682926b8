//! The counts that a handle reads.

use crate::circuit::window::Tally;

/// What a breaker has counted. The counts of its life never go back, not even by
/// [`reset`](crate::Breaker::reset).
///
/// Each admitted call is in flight or settled in one way:
/// `admitted == in_flight() + succeeded + failed + throttled + neutral + late`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct BreakerStats {
    /// The window of a closed circuit (of [`Window::consecutive`](crate::Window::consecutive): its streak), or the
    /// probes of the half-open one so far. Of several windows it is that of the setters. An open circuit still shows it, and
    /// by time it goes on forgetting.
    pub window: WindowStats,
    /// Calls that were let through.
    pub admitted: u64,
    /// Calls that were refused.
    pub rejected: u64,
    /// Calls that shadow mode let through although the circuit would have refused them; counted nowhere else.
    pub shadowed: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that failed, throttled ones excluded.
    pub failed: u64,
    /// Calls that the dependency throttled.
    pub throttled: u64,
    /// Calls that told nothing about the dependency.
    pub neutral: u64,
    /// Results of a former epoch of the circuit, or of a probe whose lease had ended: they changed nothing.
    pub late: u64,
    /// Of those that succeeded, failed or were throttled: calls that were slow.
    pub slow: u64,
    /// Of all these: calls that were dropped before they had an outcome.
    pub abandoned: u64,
    /// Probes that outlived their lease. (Each settles later, as late.)
    pub expired: u64,
    /// Changes of state.
    pub transitions: u64,
}

impl BreakerStats {
    /// Calls that were let through and are not settled yet.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        let settled = self.succeeded + self.failed + self.throttled + self.neutral + self.late;
        self.admitted.saturating_sub(settled)
    }
}

/// The calls that a circuit judges at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowStats {
    /// All of them; neutral ones never count.
    pub total: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were slow; always zero where slowness is not watched.
    pub slow: u32,
    /// Those that were throttled.
    pub throttled: u32,
}

impl WindowStats {
    /// The part that failed, 0.0..=1.0; none of an empty window.
    #[must_use]
    pub fn failure_rate(&self) -> Option<f64> {
        self.part(self.failed)
    }

    /// The part that was slow, 0.0..=1.0; none of an empty window.
    #[must_use]
    pub fn slow_rate(&self) -> Option<f64> {
        self.part(self.slow)
    }

    /// The part that was throttled, 0.0..=1.0; none of an empty window.
    #[must_use]
    pub fn throttle_rate(&self) -> Option<f64> {
        self.part(self.throttled)
    }

    fn part(&self, count: u32) -> Option<f64> {
        (self.total > 0).then(|| f64::from(count) / f64::from(self.total))
    }
}

impl From<Tally> for WindowStats {
    fn from(tally: Tally) -> Self {
        let Tally { total, failed, slow, throttled } = tally;
        Self { total, failed, slow, throttled }
    }
}
