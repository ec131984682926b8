//! The weather: a script of spells, and which of them it is now.

use std::time::Duration;

use tokio::time::Instant;

/// What the server does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
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

impl Weather {
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Flaky | Self::Throttled | Self::Hanging | Self::Refused)
    }
}

/// A time of one weather.
#[derive(Clone, Copy, Debug)]
pub struct Spell {
    pub name: &'static str,
    pub weather: Weather,
    pub lasts: Duration,
}

pub const fn spell(name: &'static str, weather: Weather, millis: u64) -> Spell {
    Spell { name, weather, lasts: Duration::from_millis(millis) }
}

/// 13.5 seconds. The four healthy seconds after the throttle let the circuit close, and fill its window with successes,
/// before the hang begins.
pub const SCRIPT: &[Spell] = &[
    spell("healthy", Weather::Healthy, 1500),
    spell("30 % 503", Weather::Flaky, 1500),
    spell("429", Weather::Throttled, 1000),
    spell("healthy", Weather::Healthy, 2000),
    spell("healthy", Weather::Healthy, 2000),
    spell("hanging", Weather::Hanging, 2000),
    spell("refused", Weather::Refused, 1500),
    spell("recovery", Weather::Healthy, 2000),
];

/// Somebody else's server, for ten seconds.
pub const THEIRS: &[Spell] = &[spell("as it is", Weather::Theirs, 2000); 5];

/// Is this the request that a flaky server answers with 503? Depends on nothing but the numbers.
pub fn is_unlucky(seed: u64, request: u64) -> bool {
    fastrand::Rng::with_seed(seed.wrapping_add(request.wrapping_mul(0x9e37_79b9_7f4a_7c15))).f64() < 0.3
}

/// A script and the time when it began.
#[derive(Debug)]
pub struct Sky {
    script: &'static [Spell],
    began: Instant,
}

impl Sky {
    /// The first spell begins now.
    pub fn new(script: &'static [Spell]) -> Self {
        Self { script, began: Instant::now() }
    }

    pub const fn script(&self) -> &'static [Spell] {
        self.script
    }

    pub const fn began(&self) -> Instant {
        self.began
    }

    /// How long it has been going on.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long after the beginning spell `number` ends.
    pub fn end(&self, number: usize) -> Duration {
        self.script.iter().take(number + 1).map(|spell| spell.lasts).sum()
    }

    /// The end of the last spell.
    pub fn over(&self) -> Instant {
        self.began + self.end(self.script.len())
    }

    /// The number of the spell at this age; after the end, that of the last.
    pub fn spell(&self, age: Duration) -> usize {
        let last = self.script.len() - 1;
        (0..last).find(|number| age < self.end(*number)).unwrap_or(last)
    }

    /// The number of the present spell.
    pub fn now(&self) -> usize {
        self.spell(self.age())
    }

    pub fn weather(&self) -> Weather {
        self.script[self.now()].weather
    }

    /// How long after the beginning the last bad spell is over; none if there is none.
    pub fn cleared(&self) -> Option<Duration> {
        let last = self.script.iter().rposition(|spell| spell.weather.is_bad())?;
        Some(self.end(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_take_as_long_as_documented() {
        for (script, millis) in [(SCRIPT, 13_500), (THEIRS, 10_000)] {
            let lasts: Duration = script.iter().map(|spell| spell.lasts).sum();
            assert_eq!(lasts, Duration::from_millis(millis));
        }
    }

    #[test]
    fn the_script_brings_every_weather_and_ends_well() {
        use Weather::{Flaky, Hanging, Healthy, Refused, Throttled};
        for weather in [Healthy, Flaky, Throttled, Hanging, Refused] {
            assert!(SCRIPT.iter().any(|spell| spell.weather == weather), "{weather:?}");
        }
        assert_eq!(SCRIPT[0].weather, Healthy);
        assert_eq!(SCRIPT[SCRIPT.len() - 1].weather, Healthy);
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
    fn the_weather_follows_the_clock() {
        let sky = Sky::new(SCRIPT);
        let mut age = Duration::ZERO;
        for (number, spell) in SCRIPT.iter().enumerate() {
            assert_eq!(sky.spell(age), number);
            assert_eq!(sky.spell(age + spell.lasts - Duration::from_nanos(1)), number);
            age += spell.lasts;
            assert_eq!(sky.end(number), age);
        }
        assert_eq!(sky.spell(age), SCRIPT.len() - 1, "there is no spell after the last");
        assert_eq!(sky.over() - sky.began(), age);
    }

    #[test]
    fn the_sky_clears_when_the_last_bad_spell_is_over() {
        assert_eq!(Sky::new(SCRIPT).cleared(), Some(Duration::from_millis(11_500)));
        assert_eq!(Sky::new(THEIRS).cleared(), None);
    }
}
