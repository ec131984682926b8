//! `OpenWait`: how long the circuit stays open.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::range::{positive, within};
use crate::circuit::time::{Nanos, nanos};

/// How long a circuit stays open before it admits probes. A [`Duration`] converts into the first wait with the defaults.
///
/// The wait grows by [`multiplier`](Self::multiplier) each time the circuit reopens. It is the first one again once the circuit
/// has stayed closed for [`max`](Self::max) without a break.
///
/// ```
/// use buttress_breaker::{Breaker, OpenWait};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), buttress_breaker::ConfigError> {
/// let wait = OpenWait::new(Duration::from_secs(1)).multiplier(3.0).max(Duration::from_secs(30));
/// let breaker = Breaker::builder("db").open_wait(wait).build()?;
/// # let _ = breaker; Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a setting does nothing before `open_wait`"]
pub struct OpenWait {
    pub(crate) base: Duration,
    pub(crate) multiplier: f64,
    pub(crate) jitter: f64,
    max: Option<Duration>,
    pub(crate) max_retry_after: Duration,
}

impl OpenWait {
    /// The first wait is `base`, above zero.
    pub const fn new(base: Duration) -> Self {
        Self { base, multiplier: 2.0, jitter: 0.2, max: None, max_retry_after: Duration::from_secs(60) }
    }

    /// The factor applied to the wait each time the circuit reopens: 1.0..=10.0. Default: 2.0.
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.multiplier = factor;
        self
    }

    /// The part of the wait by which it is made longer or shorter at random, so that many processes don't probe at the same
    /// moment: 0.0..=0.5. Default: 0.2.
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// The longest wait, jitter included: at least the first wait. Only a wait that the dependency asks for may be longer.
    /// Default: 60 s, or the first wait if that is longer.
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = Some(max);
        self
    }

    /// The longest wait that the dependency can ask for; a longer one is cut, and zero ignores all. The circuit stays open for
    /// at least the time that the dependency asks for. Default: 60 s.
    pub const fn max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// The longest wait, as set or by default.
    pub(crate) fn longest(&self) -> Duration {
        self.max.unwrap_or(self.base.max(Duration::from_secs(60)))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        positive("open_wait", self.base)?;
        within("open_wait.multiplier", "in 1.0..=10.0", self.multiplier, &(1.0..=10.0))?;
        within("open_wait.jitter", "in 0.0..=0.5", self.jitter, &(0.0..=0.5))?;
        within("open_wait.max", "at least the first wait", self.longest(), &(self.base..=Duration::MAX))
    }

    /// The wait if the circuit would stay open for `own` and the dependency asked for `asked`: at least both.
    ///
    /// All callers that received the same Retry-After would return at the same moment, and none may return earlier. So the jitter of
    /// such a wait is added to it: up to 10 % of it, or up to the first wait if that is more. There is none if the circuit's
    /// own waits have none. `random` is in 0.0..1.0.
    pub(super) fn at_least(&self, own: Nanos, asked: Nanos, random: f64) -> Nanos {
        if asked <= own {
            return own;
        }
        let widest = if self.jitter > 0.0 { nanos(self.base).max(asked / 10) } else { 0 };
        // The cast saturates.
        asked.saturating_add((widest as f64 * random) as Nanos)
    }
}

/// 5 s, doubled each time the circuit reopens, up to 60 s.
impl Default for OpenWait {
    fn default() -> Self {
        Self::new(Duration::from_secs(5))
    }
}

impl From<Duration> for OpenWait {
    fn from(base: Duration) -> Self {
        Self::new(base)
    }
}

/// How often the circuit has opened since it was last healthy for long.
#[derive(Debug, Default)]
pub(super) struct Growth {
    openings: i32,
}

impl Growth {
    /// Returns the wait of a circuit that opens now after it was closed for `healthy`, or half-open if that is zero. `random`
    /// is in 0.0..1.0.
    pub(super) fn next(&mut self, settings: &OpenWait, healthy: Nanos, random: f64) -> Nanos {
        let max = nanos(settings.longest());
        if healthy >= max {
            self.openings = 0;
        }
        let wait = nanos(settings.base) as f64 * settings.multiplier.powi(self.openings);
        self.openings = self.openings.saturating_add(1);
        let spread = settings.jitter * (2.0 * random - 1.0);
        // The cast saturates.
        (wait.min(max as f64) * (1.0 + spread)).min(max as f64) as Nanos
    }

    pub(super) const fn reset(&mut self) {
        self.openings = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::time::NEVER;
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    /// [S21] 5 s, 10 s, 20 s, 40 s, then 60 s forever, and no overflow after any number of openings.
    #[test]
    fn doubles_up_to_the_cap() {
        let settings = OpenWait::default();
        let mut growth = Growth::default();
        let waits: Vec<_> = (0..6).map(|_| growth.next(&settings, 0, 0.5) / SECOND).collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        growth.openings = i32::MAX;
        assert_eq!(growth.next(&settings, 0, 0.5), 60 * SECOND);
    }

    /// [S21] the doubling is forgotten after a healthy period, here the longest wait, and not before.
    #[test]
    fn forgets_after_a_healthy_period() {
        let settings = OpenWait::default();
        let mut growth = Growth::default();
        assert_eq!(growth.next(&settings, 0, 0.5), 5 * SECOND);
        assert_eq!(growth.next(&settings, 60 * SECOND - 1, 0.5), 10 * SECOND);
        assert_eq!(growth.next(&settings, 60 * SECOND, 0.5), 5 * SECOND);
    }

    proptest! {
        /// [S21] the wait is within ± 20 %, and the cap holds after jitter.
        #[test]
        fn jitter_is_bounded(openings in 0..100_i32, random in 0.0..1.0_f64) {
            let settings = OpenWait::default();
            let plain = (5.0 * 2_f64.powi(openings)).min(60.0);
            let wait = Duration::from_nanos(Growth { openings }.next(&settings, 0, random)).as_secs_f64();
            prop_assert!(plain * 0.799 <= wait && wait <= plain * 1.201 && wait <= 60.0, "{wait} of {plain}");
        }
    }

    /// [S21] a wait that the dependency asks for is a minimum, with jitter above it: 10 % of it, or the first wait.
    #[test]
    fn the_jitter_of_a_wait_that_was_asked_for_lies_above_it() {
        let plain = OpenWait::default();
        let waits = |asked: Nanos| {
            [0.0, 0.5].map(|random| plain.at_least(5 * SECOND, asked * SECOND, random) / SECOND)
        };
        assert_eq!(waits(0), [5, 5], "nothing was asked for");
        assert_eq!(waits(5), [5, 5]);
        assert_eq!(waits(30), [30, 32], "up to 5 s more");
        assert_eq!(waits(100), [100, 105], "up to 10 s more");
        let exact = plain.jitter(0.0);
        assert_eq!(exact.at_least(5 * SECOND, 30 * SECOND, 0.999), 30 * SECOND);
        assert_eq!(plain.at_least(0, NEVER, 0.999), NEVER);
    }

    /// [S21] without growth and jitter the wait is exactly what was asked for.
    #[test]
    fn plain() {
        let wait = Duration::from_millis(1234);
        let settings = OpenWait::new(wait).multiplier(1.0).jitter(0.0);
        let mut growth = Growth::default();
        for random in [0.0, 0.3, 0.999] {
            assert_eq!(growth.next(&settings, 0, random), nanos(wait));
        }
    }
}
