//! `Quota`: the rules of GCRA over plain numbers.
//!
//! The generic cell rate algorithm (ITU-T I.371) keeps one number, the theoretical arrival time: when the permits that
//! were taken will have come back. It is compared with the time now, which is passed in. All times are in nanoseconds since
//! the limit was created.

use buttress_error::ConfigError;

use crate::rate::Rate;

/// A checked rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The time in which one permit comes back.
    per_permit: u64,
    burst: u32,
}

/// What a call gets for its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The new arrival time, and how long the call has to wait.
    After { arrival: u64, wait: u64 },
    /// The weight is greater than the burst.
    Never,
}

impl Quota {
    pub(crate) const fn new(per_permit: u64, burst: u32) -> Self {
        Self { per_permit, burst }
    }

    /// Checks the numbers: a permit takes some time to come back, there is at least one, and all are back within ten years.
    pub(crate) fn checked(per_permit: u128, burst: u32) -> Result<Self, ConfigError> {
        if per_permit == 0 {
            return Err(ConfigError::new("period", "at least 1 ns per permit", per_permit));
        }
        if burst == 0 {
            return Err(ConfigError::new("burst", "at least 1", burst));
        }
        if per_permit * u128::from(burst) > Rate::MAX_FILL.as_nanos() {
            return Err(ConfigError::new("burst", "no more than the permits of 10 years", burst));
        }
        Ok(Self::new(per_permit as u64, burst))
    }

    pub(crate) fn with_burst(self, burst: u32) -> Result<Self, ConfigError> {
        Self::checked(self.per_permit.into(), burst)
    }

    pub(crate) const fn per_permit(self) -> u64 {
        self.per_permit
    }

    pub(crate) const fn burst(self) -> u32 {
        self.burst
    }

    /// The time in which an empty limit fills up. A mix of an old and a new rate must not overflow, so it saturates.
    const fn capacity(self) -> u64 {
        self.per_permit.saturating_mul(self.burst as u64)
    }

    pub(crate) const fn cost(self, weight: u32) -> u64 {
        self.per_permit.saturating_mul(weight as u64)
    }

    /// Returns what a call of `weight` gets.
    #[inline]
    pub(crate) const fn take(self, arrival: u64, now: u64, weight: u32) -> Grant {
        if weight > self.burst {
            return Grant::Never;
        }
        let from = if arrival > now { arrival } else { now };
        let arrival = from.saturating_add(self.cost(weight));
        Grant::After { arrival, wait: arrival.saturating_sub(self.capacity()).saturating_sub(now) }
    }

    /// Returns the arrival time after `weight` permits have been given back.
    pub(crate) const fn give_back(self, arrival: u64, now: u64, weight: u32) -> u64 {
        let earlier = arrival.saturating_sub(self.cost(weight));
        if earlier > now { earlier } else { now }
    }

    /// Returns the arrival time after a call that took `reserved` permits turned out to need `actual`. The debt may exceed the
    /// burst.
    pub(crate) const fn settle(self, arrival: u64, now: u64, reserved: u32, actual: u32) -> u64 {
        if actual <= reserved {
            return self.give_back(arrival, now, reserved - actual);
        }
        let from = if arrival > now { arrival } else { now };
        from.saturating_add(self.cost(actual - reserved))
    }

    /// Returns the arrival time after which the next permit comes in `wait`, or later if it would have come later.
    pub(crate) const fn drain(self, arrival: u64, now: u64, wait: u64) -> u64 {
        let drained =
            now.saturating_add(wait).saturating_add(self.capacity()).saturating_sub(self.per_permit);
        if drained > arrival { drained } else { arrival }
    }

    /// Returns how many permits can be taken at once.
    pub(crate) const fn available(self, arrival: u64, now: u64) -> u32 {
        let permits = self.capacity().saturating_sub(arrival.saturating_sub(now)) / self.per_permit;
        // At most the burst.
        permits as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUOTA: Quota = Quota::new(100, 4);

    fn after(arrival: u64, now: u64, weight: u32) -> (u64, u64) {
        match QUOTA.take(arrival, now, weight) {
            Grant::After { arrival, wait } => (arrival, wait),
            Grant::Never => panic!("never"),
        }
    }

    #[test]
    fn a_burst_then_one_by_one() {
        assert_eq!(after(0, 1_000, 4), (1_400, 0));
        assert_eq!(after(1_400, 1_000, 1), (1_500, 100));
        assert_eq!(after(1_400, 1_099, 1), (1_500, 1));
        assert_eq!(after(1_400, 1_100, 1), (1_500, 0));
        assert_eq!(QUOTA.take(0, 0, 5), Grant::Never);
    }

    #[test]
    fn what_comes_back_never_exceeds_the_burst() {
        assert_eq!(QUOTA.give_back(1_400, 1_000, 3), 1_100);
        assert_eq!(QUOTA.give_back(1_400, 1_350, 3), 1_350);
        assert_eq!(QUOTA.settle(1_400, 1_000, 4, 1), 1_100);
        assert_eq!(QUOTA.settle(1_400, 1_000, 1, 9), 2_200);
        assert_eq!(QUOTA.settle(0, 1_000, 1, 3), 1_200);
    }

    #[test]
    fn a_drain_never_shortens_a_wait() {
        let drained = QUOTA.drain(0, 1_000, 500);
        assert_eq!(after(drained, 1_000, 1).1, 500);
        assert_eq!(QUOTA.drain(5_000, 1_000, 500), 5_000);
        assert_eq!(QUOTA.available(drained, 1_000), 0);
        assert_eq!(QUOTA.available(drained, 1_500), 1);
        assert_eq!(QUOTA.available(0, 9_000), 4);
    }

    /// The same rules as a bucket with fractions of permits: exact arithmetic in whole nanoseconds of permits.
    struct Bucket {
        filled: i128,
        at: u64,
    }

    impl Bucket {
        fn take(&mut self, now: u64, weight: u32) -> bool {
            self.filled = (self.filled + i128::from(now - self.at)).min(400);
            self.at = now;
            let fits = i128::from(weight) * 100 <= self.filled;
            if fits {
                self.filled -= i128::from(weight) * 100;
            }
            fits
        }
    }

    proptest! {
        /// [S30] Equal to a token bucket that is refilled continuously, and a refused call that comes back after exactly its
        /// wait is admitted.
        #[test]
        fn equals_a_token_bucket(calls in prop::collection::vec((0_u64..300, 1_u32..=4), 1..200)) {
            let (mut arrival, mut now) = (0, 0);
            let mut bucket = Bucket { filled: 400, at: 0 };
            for (pause, weight) in calls {
                now += pause;
                let Grant::After { arrival: next, wait } = QUOTA.take(arrival, now, weight) else { panic!() };
                prop_assert_eq!(bucket.take(now, weight), wait == 0);
                if wait == 0 {
                    arrival = next;
                } else {
                    prop_assert_eq!(QUOTA.take(arrival, now + wait, weight), Grant::After {
                        arrival: next, wait: 0
                    });
                    let early = QUOTA.take(arrival, now + wait - 1, weight);
                    prop_assert_ne!(early, Grant::After { arrival: next, wait: 0 });
                }
            }
        }

        /// No number overflows, whatever the mix of rate and times.
        #[test]
        fn saturates(per_permit in 1_u64.., burst in 1_u32.., arrival: u64, now: u64, weight: u32, actual: u32) {
            let quota = Quota::new(per_permit, burst);
            let _ = quota.take(arrival, now, weight);
            let _ = quota.settle(arrival, now, weight, actual);
            let _ = quota.drain(arrival, now, arrival);
            prop_assert!(quota.available(arrival, now) <= burst);
        }
    }
}
