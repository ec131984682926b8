//! `Ramp`: how a recovering circuit admits calls step by step.

use crate::circuit::time::Nanos;

/// The percentage of calls that is admitted in each step. After the last step all calls are.
pub(crate) const STEPS: [u8; 3] = [10, 25, 50];

/// The steps after a recovery. The choice of calls is not random: of the first n calls of a step, the percentage of n, rounded
/// up, is admitted.
#[derive(Clone, Debug)]
pub(super) struct Ramp {
    since: Nanos,
    /// The length of a step.
    length: Nanos,
    step: usize,
    /// Calls in this step, admitted or not.
    calls: u64,
}

impl Ramp {
    pub(super) const fn new(since: Nanos, length: Nanos) -> Self {
        Self { since, length, step: 0, calls: 0 }
    }

    pub(super) const fn is_over(&self, now: Nanos) -> bool {
        self.step_at(now) >= STEPS.len()
    }

    /// Counts a call, and returns `true` if it is admitted.
    pub(super) fn admits(&mut self, now: Nanos) -> bool {
        let step = self.step_at(now);
        if step != self.step {
            (self.step, self.calls) = (step, 0);
        }
        let part = |calls: u64| (calls * u64::from(self.percent(now))).div_ceil(100);
        let passes = part(self.calls + 1) > part(self.calls);
        self.calls += 1;
        passes
    }

    /// Returns the percentage of calls that is admitted.
    pub(super) fn percent(&self, now: Nanos) -> u8 {
        STEPS.get(self.step_at(now)).copied().unwrap_or(100)
    }

    /// Returns when the last step ends.
    pub(super) const fn ends(&self) -> Nanos {
        self.since.saturating_add(self.length.saturating_mul(STEPS.len() as Nanos))
    }

    /// Returns when the step ends.
    pub(super) const fn step_ends(&self, now: Nanos) -> Nanos {
        self.since.saturating_add(self.length.saturating_mul(self.step_at(now) as Nanos + 1))
    }

    const fn step_at(&self, now: Nanos) -> usize {
        (now.saturating_sub(self.since) / self.length) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// [S24] of the first n calls of a step, 10, 25 or 50 % are admitted, rounded up; after the last step all.
        #[test]
        fn admits_its_part(pauses in prop::collection::vec(0_u64..8, 1..400), length in 1_u64..500) {
            let mut ramp = Ramp::new(1_000, length);
            let (mut now, mut asked, mut passed) = (1_000, [0_u64; 3], [0_u64; 3]);
            for pause in pauses {
                now += pause;
                let step = ((now - 1_000) / length) as usize;
                prop_assert_eq!(ramp.is_over(now), step >= 3);
                if step < 3 {
                    asked[step] += 1;
                    passed[step] += u64::from(ramp.admits(now));
                    let part = [0.1, 0.25, 0.5][step] * asked[step] as f64;
                    prop_assert_eq!(passed[step], part.ceil() as u64);
                }
            }
        }
    }
}
