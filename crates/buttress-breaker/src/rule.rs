//! `TripRule`: by what a closed circuit opens, as a value.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::Window;
use crate::config::within;

/// A rule by which a closed circuit opens, beside those that the [`Builder`](crate::Builder)'s setters make. A circuit
/// has any number of them, each with a window of its own, and opens by the first that is broken. See
/// [`Builder::trip_when`](crate::Builder::trip_when).
///
/// Each rule takes constant time for each call; it takes the memory of its window, which rules with equal windows
/// share.
///
/// ```
/// use buttress_breaker::{Breaker, TripRule, Window};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), buttress_breaker::ConfigError> {
/// let breaker = Breaker::builder("db")
///     .trip_when(TripRule::failure_rate(0.9).over(Window::count(10)))
///     .trip_when(TripRule::failure_rate(0.1).over(Window::time(Duration::from_secs(600))).minimum_calls(1_000))
///     .trip_when(TripRule::failures_in_a_row(50))
///     .trip_when(TripRule::stuck(10, Duration::from_secs(30)))
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripRule(pub(crate) When);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Rate(RateRule),
    Streak(u32),
    Stuck { calls: u32, age: Duration },
}

/// A [`TripRule`] for a part of the calls in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a rule does nothing before `trip_when`"]
pub struct RateRule {
    pub(crate) part: Part,
    pub(crate) rate: f64,
    pub(crate) window: Window,
    minimum_calls: Option<u32>,
}

/// What is counted of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Failed,
    Slow,
    Throttled,
}

impl TripRule {
    /// This part of the calls failed: above 0.0, at most 1.0.
    pub fn failure_rate(rate: f64) -> RateRule {
        RateRule::new(Part::Failed, rate)
    }

    /// This part of the calls was slow: above 0.0, at most 1.0. It needs [`slow_call`](crate::Builder::slow_call).
    pub fn slow_rate(rate: f64) -> RateRule {
        RateRule::new(Part::Slow, rate)
    }

    /// The dependency throttled this part of the calls: above 0.0, at most 1.0.
    pub fn throttle_rate(rate: f64) -> RateRule {
        RateRule::new(Part::Throttled, rate)
    }

    /// So many calls failed in a row, however many calls there are: 1 or more. Mind that a busy circuit has long
    /// streaks by chance: at a steady 10 % of failures, five in a row every 100 000 calls.
    #[must_use]
    pub const fn failures_in_a_row(failures: u32) -> Self {
        Self(When::Streak(failures))
    }

    /// So many calls, 1 or more, have been in flight for longer than `age`, which is above zero.
    ///
    /// It sees a hang while it lasts, when no call that would count has ended. It is looked at when a call is admitted and
    /// when one ends with a success or a failure, by no timer. Only calls of the present closed period count. A circuit with
    /// such a rule keeps a list of its calls in flight, in memory for as many as were in flight at once, and takes a lock for
    /// each call.
    #[must_use]
    pub const fn stuck(calls: u32, age: Duration) -> Self {
        Self(When::Stuck { calls, age })
    }

    pub(crate) const fn needs_slow_call(&self) -> bool {
        matches!(self.0, When::Rate(RateRule { part: Part::Slow, .. }))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.0 {
            When::Rate(rule) => rule.check(),
            When::Streak(failures) => within("failures_in_a_row", "at least 1", failures, &(1..=u32::MAX)),
            When::Stuck { calls, age } => {
                within("stuck", "at least 1 call", calls, &(1..=u32::MAX))?;
                within("stuck", "longer than zero", age, &(Duration::from_nanos(1)..=Duration::MAX))
            }
        }
    }
}

impl RateRule {
    fn new(part: Part, rate: f64) -> Self {
        Self { part, rate, window: Window::default(), minimum_calls: None }
    }

    /// The calls that are judged, [`Window::time`] or [`Window::count`]. Default: those of the last 30 s.
    pub const fn over(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Nothing is judged while the window holds fewer calls: 1 or more, at most the calls of a count window. Default:
    /// 20, or the calls of a count window where that is less.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = Some(calls);
        self
    }

    /// The minimum that was asked for, or the default one.
    pub(crate) fn minimum(&self) -> u32 {
        self.minimum_calls.unwrap_or_else(|| self.window.default_minimum())
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.window.check()?;
        if self.window.streak().is_some() {
            return Err(ConfigError::new("window", "of a rate: a time or a number of calls", self.window));
        }
        let calls = self.window.capacity().unwrap_or(u32::MAX);
        within("rate", "a rate above 0.0 and at most 1.0", self.rate, &(f64::MIN_POSITIVE..=1.0))?;
        within(
            "minimum_calls",
            "at least 1 and at most the calls of a count window",
            self.minimum(),
            &(1..=calls),
        )
    }
}

impl From<RateRule> for TripRule {
    fn from(rule: RateRule) -> Self {
        Self(When::Rate(rule))
    }
}
