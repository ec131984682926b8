//! `TripRule`: a rule by which a closed circuit opens.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::range::within;
use crate::circuit::window::Window;

/// A rule by which a closed circuit opens, in addition to those of the [`BreakerBuilder`](crate::BreakerBuilder)'s setters. A
/// circuit has any number of them, each with its own window, and opens by the first that is broken. Combine rules with
/// [`or`](Self::or), and add them with [`BreakerBuilder::trip_when`](crate::BreakerBuilder::trip_when).
///
/// Checking a rule takes constant time for each call. Rules with equal windows share one.
///
/// ```
/// use buttress_breaker::{Breaker, TripRule, Window};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), buttress_breaker::ConfigError> {
/// let outage = TripRule::evidence(0.2).or(TripRule::failures_in_a_row(50));
/// let burst = TripRule::failure_rate(0.9).over(Window::count(10)).or(TripRule::failures_within(30, Duration::from_secs(1)));
/// let breaker = Breaker::builder("db")
///     .trip_when(outage.or(burst))
///     .trip_when(TripRule::failure_rate(0.1).over(Window::time(Duration::from_secs(600))).minimum_calls(1_000))
///     .trip_when(TripRule::stuck(10, Duration::from_secs(30)))
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripRule(pub(crate) Condition);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition {
    Rate(RateRule),
    Streak(u32),
    FailuresWithin { failures: u32, time: Duration },
    Stuck { calls: u32, age: Duration },
}

/// A [`TripRule`] about a share of the calls in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a rule does nothing before `trip_when`"]
pub struct RateRule {
    pub(crate) measure: Measure,
    pub(crate) rate: f64,
    pub(crate) comparison: Comparison,
    pub(crate) window: Window,
    minimum_calls: Option<u32>,
}

/// How the share of the calls is compared with the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It reaches the rate.
    Plain,
    /// It exceeds the rate by two standard errors.
    Evidence,
}

/// Which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Failed,
    Slow,
    Throttled,
}

impl TripRule {
    /// Opens when the failed calls exceed this share of all by two standard errors: above 0.0, at most 1.0. Of n calls, at least
    /// `rate·n + 2·√(n·rate·(1−rate))` must have failed. For a rate of 0.5 these are 5 of 5, 15 of 20, 60 of 100 or 532 of
    /// 1 000. In a full count window, the failure of all calls is enough.
    ///
    /// A rate that is judged after every call reaches its threshold by chance before long:
    /// [`failure_rate(0.5)`](Self::failure_rate) opens two of five circuits whose dependency fails at a steady 40 %. This rule
    /// requires more failures while calls are few, and approaches the rate as they become many. Default of
    /// [`minimum_calls`](RateRule::minimum_calls): 5.
    pub fn evidence(rate: f64) -> RateRule {
        RateRule { comparison: Comparison::Evidence, ..RateRule::new(Measure::Failed, rate) }
    }

    /// Opens when this share of the calls failed: above 0.0, at most 1.0.
    pub fn failure_rate(rate: f64) -> RateRule {
        RateRule::new(Measure::Failed, rate)
    }

    /// Opens when this share of the calls was slow: above 0.0, at most 1.0. It needs [`slow_call`](crate::BreakerBuilder::slow_call).
    pub fn slow_rate(rate: f64) -> RateRule {
        RateRule::new(Measure::Slow, rate)
    }

    /// Opens when the dependency throttled this share of the calls: above 0.0, at most 1.0.
    pub fn throttle_rate(rate: f64) -> RateRule {
        RateRule::new(Measure::Throttled, rate)
    }

    /// Opens when `failures` calls, 1 or more, failed in a row, however many calls there are. Throttled calls neither count nor
    /// end the row. A busy circuit has long rows by chance: at a steady 10 % of failures, five in a row every 100 000 calls.
    #[must_use]
    pub const fn failures_in_a_row(failures: u32) -> Self {
        Self(Condition::Streak(failures))
    }

    /// Opens when `failures` calls, 1..=1 000 000, failed within `time`, above zero, however many succeeded meanwhile. Throttled
    /// calls do not count.
    ///
    /// The time is exact: it is measured from the oldest of these failures to the latest. The rule takes eight bytes for each
    /// of the `failures`.
    #[must_use]
    pub const fn failures_within(failures: u32, time: Duration) -> Self {
        Self(Condition::FailuresWithin { failures, time })
    }

    /// Opens when `calls` calls, 1 or more, have been in flight for longer than `age`, above zero.
    ///
    /// This rule detects a hang while it lasts, before any of the calls has ended. It is checked when a call is admitted, and
    /// when one succeeds or fails; there is no timer. Only calls since the circuit last closed count. A circuit with such a rule
    /// keeps a list of its calls in flight, and takes a lock for each call. The list keeps room for the largest number that was
    /// in flight at once.
    ///
    /// The age of a call is the time since its admission. It includes the time in which the call waits for its own caller
    /// ([`CallerClock`](buttress_context::CallerClock)), so `age` must be longer than the pauses of a streamed upload.
    #[must_use]
    pub const fn stuck(calls: u32, age: Duration) -> Self {
        Self(Condition::Stuck { calls, age })
    }

    /// Opens by this rule or by `other`.
    pub fn or(self, other: impl Into<TripRules>) -> TripRules {
        TripRules::from(self).or(other)
    }

    pub(crate) const fn needs_slow_call(&self) -> bool {
        matches!(self.0, Condition::Rate(RateRule { measure: Measure::Slow, .. }))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.0 {
            Condition::Rate(rule) => rule.check(),
            Condition::Streak(failures) => {
                within("failures_in_a_row", "at least 1", failures, &(1..=u32::MAX))
            }
            Condition::FailuresWithin { failures, time } => {
                within("failures_within", "1..=1000000 failures", failures, &(1..=1_000_000))?;
                within(
                    "failures_within",
                    "longer than zero",
                    time,
                    &(Duration::from_nanos(1)..=Duration::MAX),
                )
            }
            Condition::Stuck { calls, age } => {
                within("stuck", "at least 1 call", calls, &(1..=u32::MAX))?;
                within("stuck", "longer than zero", age, &(Duration::from_nanos(1)..=Duration::MAX))
            }
        }
    }
}

impl RateRule {
    fn new(measure: Measure, rate: f64) -> Self {
        Self { measure, rate, comparison: Comparison::Plain, window: Window::default(), minimum_calls: None }
    }

    /// The window whose calls are judged, [`Window::time`] or [`Window::count`]. Default: the last 30 s.
    pub const fn over(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The number of calls in the window below which nothing is judged: 1 or more, at most the calls of a count window. Default:
    /// 20 (5 for [`evidence`](TripRule::evidence)), or the calls of a count window if that is less.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = Some(calls);
        self
    }

    /// Opens by this rule or by `other`.
    pub fn or(self, other: impl Into<TripRules>) -> TripRules {
        TripRules::from(self).or(other)
    }

    /// Returns the minimum that was set, or the default one.
    pub(crate) fn minimum(&self) -> u32 {
        let calls = match self.comparison {
            Comparison::Plain => 20,
            Comparison::Evidence => 5,
        };
        self.minimum_calls.unwrap_or_else(|| self.window.capacity().unwrap_or(u32::MAX).min(calls))
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.window.check()?;
        if self.window.streak().is_some() {
            return Err(ConfigError::new(
                "window",
                "a time or a number of calls where a rate is judged",
                self.window,
            ));
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
        Self(Condition::Rate(rule))
    }
}

/// Several rules, of which any one opens the circuit; made by [`TripRule::or`].
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "rules do nothing before `trip_when`"]
pub struct TripRules(pub(crate) Vec<TripRule>);

impl TripRules {
    /// Opens by one of these rules or by `other`.
    pub fn or(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }
}

impl From<TripRule> for TripRules {
    fn from(rule: TripRule) -> Self {
        Self(vec![rule])
    }
}

impl From<RateRule> for TripRules {
    fn from(rule: RateRule) -> Self {
        TripRule::from(rule).into()
    }
}
