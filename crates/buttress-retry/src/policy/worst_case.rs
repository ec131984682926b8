//! The longest times that one call under a policy can wait.

use std::time::Duration;

use super::Policy;
use super::backoff::Backoff;

impl Policy {
    /// Returns the longest time that one call can spend in backoffs in total, if no attempt is throttled.
    ///
    /// If the server asks for longer waits, the bound is [`max_total_wait`](Self::max_total_wait).
    #[must_use]
    pub fn max_total_backoff(&self) -> Duration {
        self.sum_waits(&self.settings.backoff, |wait| wait)
    }

    /// Returns the longest time that one call can spend in backoffs in total, if every attempt is throttled.
    #[must_use]
    pub fn max_total_throttled_backoff(&self) -> Duration {
        self.sum_waits(self.settings.throttled_backoff(), |wait| wait)
    }

    /// Returns the longest time that one call can wait between its attempts in total, if the server asks for the longest
    /// accepted wait each time.
    #[must_use]
    pub fn max_total_wait(&self) -> Duration {
        let sum = |backoff| {
            self.sum_waits(backoff, |wait| {
                // With jitter the backoff may also be the shorter wait. Then the server's wait counts, and added jitter.
                let (asked, jitter) = self.accepted_wait(backoff, Duration::ZERO, Duration::MAX);
                let (longest, _) = self.accepted_wait(backoff, wait, Duration::MAX);
                longest.max(asked.saturating_add(jitter.max()))
            })
        };
        sum(self.settings.throttled_backoff()).max(sum(&self.settings.backoff))
    }

    /// Returns the longest time that one call can wait for its remedies in total, if each runs up to its time limit.
    #[must_use]
    pub fn max_total_remedy_time(&self) -> Duration {
        let limits = self.settings.remedies.iter().map(crate::remedy::Remedy::time_limit);
        if self.settings.max_attempts > 1 {
            limits.fold(Duration::ZERO, Duration::saturating_add)
        } else {
            Duration::ZERO
        }
    }

    /// Sums the longest waits of one call, each changed by `accepted`.
    fn sum_waits(&self, backoff: &Backoff, accepted: impl Fn(Duration) -> Duration) -> Duration {
        // Waits stop growing long before this. A policy of four billion attempts need not be summed to its end.
        const SUMMED: u32 = 10_000;
        let retries = self.settings.max_attempts - 1;
        let (mut sum, mut last, mut left) = (Duration::ZERO, Duration::ZERO, retries);
        for wait in backoff.max_waits().take(retries.min(SUMMED) as usize) {
            last = accepted(wait);
            sum = sum.saturating_add(last);
            left -= 1;
        }
        if retries - left == SUMMED {
            sum = sum.saturating_add(last.saturating_mul(left));
        }
        sum.min(self.settings.max_elapsed.unwrap_or(Duration::MAX))
    }
}
