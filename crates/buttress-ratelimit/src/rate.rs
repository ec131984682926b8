//! `Rate`: how many permits, in which period, and how many at once.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::quota::Quota;

/// How many permits there are in a period, and how many of them may be taken at once.
///
/// Permits come back one by one: of 200 per second, one every 5 ms.
///
/// ```
/// use std::time::Duration;
///
/// use buttress_ratelimit::Rate;
///
/// let rate = Rate::per_second(200).burst(50);
/// assert_eq!(rate, Rate::new(200, Duration::from_secs(1)).burst(50));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a rate is a value: pass it to `RateLimit::new`"]
pub struct Rate {
    permits: u32,
    period: Duration,
    burst: u32,
}

const SECOND: Duration = Duration::from_secs(1);

impl Rate {
    /// The longest time in which an empty limit fills up: ten years.
    pub const MAX_FILL: Duration = Duration::from_secs(10 * 365 * 86_400);

    /// Creates a rate of `permits` per `period`, all of which may be taken at once.
    ///
    /// `permits` is at least 1, and at most one per nanosecond of the period. [`RateLimit::new`](crate::RateLimit::new)
    /// checks that.
    pub const fn new(permits: u32, period: Duration) -> Self {
        Self { permits, period, burst: permits }
    }

    /// Creates a rate of `permits` per second.
    pub const fn per_second(permits: u32) -> Self {
        Self::new(permits, SECOND)
    }

    /// Creates a rate of `permits` per minute.
    pub const fn per_minute(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(60))
    }

    /// Creates a rate of `permits` per hour.
    pub const fn per_hour(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(3_600))
    }

    /// Creates a rate of `permits` per 24 hours. The permits come back one by one, not at midnight.
    pub const fn per_day(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(86_400))
    }

    /// Sets how many permits may be taken at once, at least 1. Default: those of one period.
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Checks the numbers.
    pub(crate) fn quota(self) -> Result<Quota, ConfigError> {
        let Self { permits, period, burst } = self;
        if permits == 0 {
            return Err(ConfigError::new("permits", "at least 1", permits));
        }
        // Rounded to the nearest nanosecond.
        let per_permit = (period.as_nanos() + u128::from(permits) / 2) / u128::from(permits);
        Quota::checked(per_permit, burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_numbers_are_refused_by_name_and_range() {
        let text = |rate: Rate| rate.quota().unwrap_err().to_string();
        assert_eq!(text(Rate::per_second(0)), "invalid permits: must be at least 1, got 0");
        assert_eq!(text(Rate::per_second(5).burst(0)), "invalid burst: must be at least 1, got 0");
        assert_eq!(
            text(Rate::new(1_000, Duration::from_nanos(100))),
            "invalid period: must be at least 1 ns per permit, got 0"
        );
        assert_eq!(
            text(Rate::per_day(1).burst(3_651)),
            "invalid burst: must be no more than the permits of 10 years, got 3651"
        );
        assert!(Rate::per_day(1).burst(3_650).quota().is_ok());
        assert!(Rate::new(1, Duration::ZERO).quota().is_err());
        assert!(Rate::new(u32::MAX, Duration::MAX).quota().is_err());
        assert!(Rate::new(u32::MAX, Duration::from_secs(5)).quota().is_ok());
    }
}
