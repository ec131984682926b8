//! The schedule: a script of phases, and the current one.

use std::time::Duration;

use tokio::time::Instant;

/// What the server does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It answers at once.
    Healthy,
    /// It answers 503 to 30 % of them.
    Flaky,
    /// It answers 429 with `Retry-After: 1` to all.
    Throttled,
    /// It takes them and never answers.
    Hanging,
    /// The listener is closed: no connection comes about.
    Refused,
    /// Unknown: the server is not ours.
    Theirs,
}

impl Condition {
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Flaky | Self::Throttled | Self::Hanging | Self::Refused)
    }
}

/// A time in one condition.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub name: &'static str,
    pub condition: Condition,
    pub lasts: Duration,
}

pub const fn phase(name: &'static str, condition: Condition, millis: u64) -> Phase {
    Phase { name, condition, lasts: Duration::from_millis(millis) }
}

/// 13.5 seconds. The four healthy seconds after the throttle let the circuit close, and fill its window with successes,
/// before the hang begins.
pub const SCRIPT: &[Phase] = &[
    phase("healthy", Condition::Healthy, 1500),
    phase("30 % 503", Condition::Flaky, 1500),
    phase("429", Condition::Throttled, 1000),
    phase("healthy", Condition::Healthy, 2000),
    phase("healthy", Condition::Healthy, 2000),
    phase("hanging", Condition::Hanging, 2000),
    phase("refused", Condition::Refused, 1500),
    phase("recovery", Condition::Healthy, 2000),
];

/// Somebody else's server, for ten seconds.
pub const THEIRS: &[Phase] = &[phase("as it is", Condition::Theirs, 2000); 5];

/// Is this the request that a flaky server answers with 503? Depends on nothing but the numbers.
pub fn is_unlucky(seed: u64, request: u64) -> bool {
    fastrand::Rng::with_seed(seed.wrapping_add(request.wrapping_mul(0x9e37_79b9_7f4a_7c15))).f64() < 0.3
}

/// A script and the time when it began.
#[derive(Debug)]
pub struct Schedule {
    script: &'static [Phase],
    began: Instant,
}

impl Schedule {
    /// The first phase begins now.
    pub fn new(script: &'static [Phase]) -> Self {
        Self { script, began: Instant::now() }
    }

    pub const fn script(&self) -> &'static [Phase] {
        self.script
    }

    pub const fn began(&self) -> Instant {
        self.began
    }

    /// How long it has been going on.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long after the beginning phase `number` ends.
    pub fn end(&self, number: usize) -> Duration {
        self.script.iter().take(number + 1).map(|phase| phase.lasts).sum()
    }

    /// The end of the last phase.
    pub fn over(&self) -> Instant {
        self.began + self.end(self.script.len())
    }

    /// The number of the phase at this age; after the end, that of the last.
    pub fn phase(&self, age: Duration) -> usize {
        let last = self.script.len() - 1;
        (0..last).find(|number| age < self.end(*number)).unwrap_or(last)
    }

    /// The number of the present phase.
    pub fn now(&self) -> usize {
        self.phase(self.age())
    }

    pub fn condition(&self) -> Condition {
        self.script[self.now()].condition
    }

    /// How long after the beginning the last bad phase is over; none if there is none.
    pub fn cleared(&self) -> Option<Duration> {
        let last = self.script.iter().rposition(|phase| phase.condition.is_bad())?;
        Some(self.end(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_take_as_long_as_documented() {
        for (script, millis) in [(SCRIPT, 13_500), (THEIRS, 10_000)] {
            let lasts: Duration = script.iter().map(|phase| phase.lasts).sum();
            assert_eq!(lasts, Duration::from_millis(millis));
        }
    }

    #[test]
    fn the_script_has_every_condition_and_ends_healthy() {
        use Condition::{Flaky, Hanging, Healthy, Refused, Throttled};
        for condition in [Healthy, Flaky, Throttled, Hanging, Refused] {
            assert!(SCRIPT.iter().any(|phase| phase.condition == condition), "{condition:?}");
        }
        assert_eq!(SCRIPT[0].condition, Healthy);
        assert_eq!(SCRIPT[SCRIPT.len() - 1].condition, Healthy);
    }

    #[test]
    fn luck_is_a_matter_of_the_seed() {
        let fates = |seed| (0..2000).map(move |n| is_unlucky(seed, n)).collect::<Vec<_>>();
        assert_eq!(fates(42), fates(42));
        assert_ne!(fates(42), fates(43));
        for seed in [0, 1, 42, u64::MAX] {
            let unlucky = fates(seed).into_iter().filter(|unlucky| *unlucky).count();
            assert!((540..=660).contains(&unlucky), "{unlucky} of 2000");
        }
    }

    #[test]
    fn the_condition_follows_the_clock() {
        let schedule = Schedule::new(SCRIPT);
        let mut age = Duration::ZERO;
        for (number, phase) in SCRIPT.iter().enumerate() {
            assert_eq!(schedule.phase(age), number);
            assert_eq!(schedule.phase(age + phase.lasts - Duration::from_nanos(1)), number);
            age += phase.lasts;
            assert_eq!(schedule.end(number), age);
        }
        assert_eq!(schedule.phase(age), SCRIPT.len() - 1, "there is no phase after the last");
        assert_eq!(schedule.over() - schedule.began(), age);
    }

    #[test]
    fn the_sky_clears_when_the_last_bad_spell_is_over() {
        assert_eq!(Schedule::new(SCRIPT).cleared(), Some(Duration::from_millis(11_500)));
        assert_eq!(Schedule::new(THEIRS).cleared(), None);
    }
}
