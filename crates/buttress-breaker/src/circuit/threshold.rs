//! `Threshold`: a share of the calls, compared in integers.

/// The share of the calls at which a rule is broken.
///
/// It is the fraction that the given number means: 0.1 is 1/10, which no float equals. So "16 of 100 at 10 %" is decided as on
/// paper, and a rate that was computed as `1.0 - 0.9` or `2.0 / 3.0` is reached by 1 of 10 and by 2 of 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Threshold {
    rate: f64,
    part: u32,
    whole: u32,
}

/// The largest denominator. A decimal number of up to seven digits is represented exactly, any other to nine digits.
const FINEST: u128 = 1_000_000_000;

impl Threshold {
    /// `rate` is above 0.0 and at most 1.0.
    ///
    /// Takes the first convergent of the rate's continued fraction that rounds to it, or the last one with a denominator
    /// that is not too large.
    pub(crate) fn new(rate: f64) -> Self {
        // A power of two: the product is exact for every rate that a 32-bit count could tell from zero.
        let (mut numerator, mut denominator) = ((rate * 2_f64.powi(92)) as u128, 1_u128 << 92);
        let (mut before, mut last) = ((0, 1), (1, 0));
        while denominator != 0 {
            let digit = numerator / denominator;
            let next = (digit * last.0 + before.0, digit * last.1 + before.1);
            if next.1 > FINEST {
                break;
            }
            (before, last) = (last, next);
            if last.0 as f64 / last.1 as f64 == rate {
                break;
            }
            (numerator, denominator) = (denominator, numerator % denominator);
        }
        Self { rate, part: last.0 as u32, whole: last.1 as u32 }
    }

    /// Returns the number that was given.
    pub(crate) const fn rate(self) -> f64 {
        self.rate
    }

    /// Returns `true` if `count` of `calls` is this share or more.
    pub(crate) const fn is_reached(self, count: u32, calls: u32) -> bool {
        // Most windows have no such call.
        count > 0 && count as u64 * self.whole as u64 >= self.part as u64 * calls as u64
    }

    /// Returns `true` if `count` of `calls` exceeds this share t by two standard errors: count ≥ t·n + 2·√(n·t·(1−t)).
    ///
    /// Calls that fail independently with the probability t exceed it in one of 44 checks.
    pub(crate) const fn is_exceeded(self, count: u32, calls: u32) -> bool {
        if !self.is_reached(count, calls) {
            return false;
        }
        // Both sides squared, and multiplied by the square of the denominator: at most 124 bits.
        let (part, whole, calls) = (self.part as u128, self.whole as u128, calls as u128);
        let excess = count as u128 * whole - part * calls;
        excess * excess >= 4 * calls * part * (whole - part)
    }

    /// Returns the smallest count of `calls` that [exceeds](Self::is_exceeded) this share, or `calls` if none does.
    pub(crate) fn least_evident(self, calls: u32) -> u32 {
        (1..calls).find(|count| self.is_exceeded(*count, calls)).unwrap_or(calls)
    }

    /// Returns the largest count of `calls` whose share is below this.
    pub(crate) const fn most_below(self, calls: u32) -> u32 {
        ((self.part as u64 * calls as u64).div_ceil(self.whole as u64) as u32).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least count of `calls` that is evidence.
    fn least(rate: f64, calls: u32) -> Option<u32> {
        (0..=calls).find(|count| Threshold::new(rate).is_exceeded(*count, calls))
    }

    /// [S19] the numbers of the promise: 5 of 5, 15 of 20, 60 of 100, 532 of 1 000, and no less.
    #[test]
    fn the_numbers_of_the_promise() {
        let least = |calls| least(0.5, calls);
        assert_eq!([5, 20, 100, 1_000].map(least), [Some(5), Some(15), Some(60), Some(532)]);
        assert_eq!([1, 2, 3, 4].map(least), [None, None, None, Some(4)]);
    }

    /// [S19] where both sides are equal the rule is broken, also where floats would say that they are not: 36 against
    /// 36.00000000000001 at 10 %, and at two thirds.
    #[test]
    fn equality_is_exact() {
        assert_eq!((least(0.1, 100), least(0.2, 100), least(0.8, 100)), (Some(16), Some(28), Some(88)));
        assert_eq!((least(2.0 / 3.0, 18), least(1.0 / 3.0, 18)), (Some(16), Some(10)));
        assert_eq!(least(1.0 - 0.9, 100), Some(16), "0.09999999999999998");
        assert_eq!(least(1.0, 7), Some(7));
    }

    /// [S19] a rate that a user gives is meant exactly, however it was computed.
    #[test]
    fn plain_rates_are_exact() {
        let reached = |rate: f64, count, calls| Threshold::new(rate).is_reached(count, calls);
        for (rate, count, calls) in [
            (0.1, 1, 10),
            (1.0 - 0.9, 1, 10),
            (0.1 + 0.2, 3, 10),
            (2.0 / 3.0, 2, 3),
            (0.07, 7, 100),
            (1.0, 5, 5),
        ] {
            assert!(reached(rate, count, calls), "{count} of {calls} is {rate}");
            assert!(!reached(rate, count - 1, calls), "{} of {calls} is less than {rate}", count - 1);
            assert!(!reached(rate, count, calls + 1));
        }
        assert!(reached(f64::MIN_POSITIVE, 1, u32::MAX) && !reached(f64::MIN_POSITIVE, 0, 1));
        assert!(reached(0.999_999_9, 9_999_999, 10_000_000) && !reached(0.999_999_9, 9_999_998, 10_000_000));
    }

    /// [S5] the largest counts overflow nothing.
    #[test]
    fn the_largest_counts() {
        for rate in [f64::MIN_POSITIVE, 1e-12, 0.123_456_789_123, 0.5, 0.999_999_999_9, 1.0] {
            let threshold = Threshold::new(rate);
            assert!(
                threshold.is_reached(u32::MAX, u32::MAX) && threshold.is_exceeded(u32::MAX, u32::MAX),
                "{rate}"
            );
            assert!(!threshold.is_exceeded(0, u32::MAX));
        }
        let half = Threshold::new(0.5);
        let (calls, least) = (u32::MAX - 1, (u32::MAX - 1) / 2 + 65_536);
        assert!(half.is_exceeded(least, calls) && !half.is_exceeded(least - 1, calls));
    }

    /// [S22] how many of a round's probes may fail.
    #[test]
    fn below() {
        let below = |rate, calls| Threshold::new(rate).most_below(calls);
        assert_eq!([1, 2, 3, 4, 5, 10].map(|calls| below(0.5, calls)), [0, 0, 1, 1, 2, 4]);
        assert_eq!((below(0.1, 10), below(0.3, 10), below(0.66, 3), below(1.0, 3)), (0, 2, 1, 2));
        assert_eq!(below(f64::MIN_POSITIVE, 10), 0);
    }

    proptest! {
        /// [S19] what floats say, wherever they are not close; and more successes or fewer failures never are more evidence.
        #[test]
        fn agrees_with_floats(percent in 1_u32..=100, calls in 1_u32..5_000, share in 0.0..=1.0_f64) {
            let (rate, count) = (f64::from(percent) / 100.0, (f64::from(calls) * share) as u32);
            let threshold = Threshold::new(rate);
            let (n, k) = (f64::from(calls), f64::from(count));
            let excess = k - n * rate - 2.0 * (n * rate * (1.0 - rate)).sqrt();
            if excess.abs() > 1e-6 {
                prop_assert_eq!(threshold.is_exceeded(count, calls), excess > 0.0 && count > 0);
            }
            prop_assert_eq!(threshold.is_reached(count, calls), count > 0 && count * 100 >= percent * calls);
            if !threshold.is_exceeded(count, calls) {
                prop_assert!(!threshold.is_exceeded(count, calls + 1));
                prop_assert!(!threshold.is_exceeded(count.saturating_sub(1), calls));
            }
            let below = threshold.most_below(calls);
            prop_assert!(!threshold.is_reached(below, calls) && threshold.is_reached(below + 1, calls));
        }
    }
}
