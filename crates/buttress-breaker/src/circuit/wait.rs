//! How long the circuit stays open.

use crate::circuit::settings::Settings;
use crate::circuit::time::Nanos;

/// The growth of the wait: how often the circuit has opened since it was last healthy for long.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    openings: i32,
}

impl Growth {
    /// The wait of the circuit that opens now, having been closed for `healthy` (zero, if it was half-open). `dice` is
    /// a random number in 0.0..1.0.
    pub(crate) fn next(&mut self, settings: &Settings, healthy: Nanos, dice: f64) -> Nanos {
        if healthy >= settings.open_max {
            self.openings = 0;
        }
        let longest = settings.open_max as f64;
        let wait = (settings.open_for as f64 * settings.open_growth.powi(self.openings)).min(longest);
        self.openings = self.openings.saturating_add(1);
        let spread = settings.open_jitter * (2.0 * dice - 1.0);
        // The cast saturates.
        (wait * (1.0 + spread)).min(longest) as Nanos
    }

    pub(crate) fn forget(&mut self) {
        self.openings = 0;
    }
}

/// The wait where the circuit would stay open for `own`, and the dependency asked for `asked`: at least both.
///
/// All who were told the same would come back at the same moment, and none may come sooner. So the jitter of a wait that was
/// asked for lies above it: up to 10 % of it, or up to the first wait where that is more; none, where the circuit's own
/// waits have none.
pub(super) fn asked_wait(settings: &Settings, own: Nanos, asked: Nanos, dice: f64) -> Nanos {
    if asked <= own {
        return own;
    }
    let widest = if settings.open_jitter > 0.0 { settings.open_for.max(asked / 10) } else { 0 };
    // The cast saturates.
    asked.saturating_add((widest as f64 * dice) as Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::tests::settings;
    use crate::circuit::time::{NEVER, nanos};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: Nanos = 1_000_000_000;

    /// [S21] 5 s, 10 s, 20 s, 40 s, then 60 s for ever, and no overflow after any number of openings.
    #[test]
    fn doubles_up_to_the_cap() {
        let settings = settings(|builder| builder);
        let mut growth = Growth::default();
        let waits: Vec<_> = (0..6).map(|_| growth.next(&settings, 0, 0.5) / SECOND).collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        growth.openings = i32::MAX;
        assert_eq!(growth.next(&settings, 0, 0.5), 60 * SECOND);
    }

    /// [S21] the doubling is forgotten after a healthy period, here the longest wait, and not before.
    #[test]
    fn forgets_after_a_healthy_period() {
        let settings = settings(|builder| builder);
        let mut growth = Growth::default();
        assert_eq!(growth.next(&settings, 0, 0.5), 5 * SECOND);
        assert_eq!(growth.next(&settings, 60 * SECOND - 1, 0.5), 10 * SECOND);
        assert_eq!(growth.next(&settings, 60 * SECOND, 0.5), 5 * SECOND);
    }

    proptest! {
        /// [S21] the wait is within ± 20 %, and the cap holds after jitter.
        #[test]
        fn jitter_is_bounded(openings in 0..100_i32, dice in 0.0..1.0_f64) {
            let settings = settings(|builder| builder);
            let plain = (5.0 * 2_f64.powi(openings)).min(60.0);
            let wait = Duration::from_nanos(Growth { openings }.next(&settings, 0, dice)).as_secs_f64();
            prop_assert!(plain * 0.799 <= wait && wait <= plain * 1.201 && wait <= 60.0, "{wait} of {plain}");
        }
    }

    /// [S21] a wait that the dependency asks for is a minimum, with jitter above it: 10 % of it, or the first wait.
    #[test]
    fn the_jitter_of_a_wait_that_was_asked_for_lies_above_it() {
        let plain = settings(|builder| builder);
        let waits = |asked: Nanos| {
            [0.0, 0.5].map(|dice| asked_wait(&plain, 5 * SECOND, asked * SECOND, dice) / SECOND)
        };
        assert_eq!(waits(0), [5, 5], "nothing was asked for");
        assert_eq!(waits(5), [5, 5]);
        assert_eq!(waits(30), [30, 32], "up to 5 s more");
        assert_eq!(waits(100), [100, 105], "up to 10 s more");
        let exact = settings(|builder| builder.open_jitter(0.0));
        assert_eq!(asked_wait(&exact, 5 * SECOND, 30 * SECOND, 0.999), 30 * SECOND);
        assert_eq!(asked_wait(&plain, 0, NEVER, 0.999), NEVER);
    }

    /// [S21] without growth and jitter the wait is exactly what was asked for.
    #[test]
    fn plain() {
        let wait = Duration::from_millis(1234);
        let settings = settings(|builder| builder.open_for(wait).open_growth(1.0).open_jitter(0.0));
        let mut growth = Growth::default();
        for dice in [0.0, 0.3, 0.999] {
            assert_eq!(growth.next(&settings, 0, dice), nanos(wait));
        }
    }
}
