//! `TripRule`: a rule by which a closed circuit opens, as a value.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::range::within;
use crate::circuit::window::Window;

/// A rule by which a closed circuit opens, beside those that the [`BreakerBuilder`](crate::BreakerBuilder)'s setters make. A circuit
/// has any number of them, each with its own window, and opens by the first that is broken. Rules combine with
/// [`or`](Self::or). See [`BreakerBuilder::trip_when`](crate::BreakerBuilder::trip_when).
///
/// Checking a rule takes constant time for each call. A rule takes the memory of its window; rules with equal windows share
/// one.
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
pub struct TripRule(pub(crate) When);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Rate(RateRule),
    Streak(u32),
    FailuresWithin { failures: u32, time: Duration },
    Stuck { calls: u32, age: Duration },
}

/// A [`TripRule`] for a share of the calls in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a rule does nothing before `trip_when`"]
pub struct RateRule {
    pub(crate) part: Part,
    pub(crate) rate: f64,
    pub(crate) proof: Proof,
    pub(crate) window: Window,
    minimum_calls: Option<u32>,
}

/// How far the share of the calls has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Reach the rate.
    Plain,
    /// Exceed the rate by two standard errors.
    Evidence,
}

/// What is counted of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Failed,
    Slow,
    Throttled,
}

impl TripRule {
    /// The failed calls exceed this share of all by two standard errors: above 0.0, at most 1.0. Of n calls
    /// `rate·n + 2·√(n·rate·(1−rate))` or more failed; for a rate of 0.5 these are 5 of 5, 15 of 20, 60 of 100 or 532 of
    /// 1 000. In a count window that is full, all of its calls are enough.
    ///
    /// A rate that is judged after every call meets its threshold by chance before long:
    /// [`failure_rate(0.5)`](Self::failure_rate) opens two of five circuits whose dependency fails at a steady 40 %. This rule
    /// asks for more failures where the calls are few, and approaches the rate as they become many. Default of
    /// [`minimum_calls`](RateRule::minimum_calls): 5.
    pub fn evidence(rate: f64) -> RateRule {
        RateRule { proof: Proof::Evidence, ..RateRule::new(Part::Failed, rate) }
    }

    /// This share of the calls failed: above 0.0, at most 1.0.
    pub fn failure_rate(rate: f64) -> RateRule {
        RateRule::new(Part::Failed, rate)
    }

    /// This share of the calls was slow: above 0.0, at most 1.0. It needs [`slow_call`](crate::BreakerBuilder::slow_call).
    pub fn slow_rate(rate: f64) -> RateRule {
        RateRule::new(Part::Slow, rate)
    }

    /// The dependency throttled this share of the calls: above 0.0, at most 1.0.
    pub fn throttle_rate(rate: f64) -> RateRule {
        RateRule::new(Part::Throttled, rate)
    }

    /// `failures` calls failed in a row, throttled ones left out, however many calls there are: 1 or more. A busy circuit has
    /// long streaks by chance: at a steady 10 % of failures, five in a row every 100 000 calls.
    #[must_use]
    pub const fn failures_in_a_row(failures: u32) -> Self {
        Self(When::Streak(failures))
    }

    /// `failures` calls, 1..=1 000 000, failed within `time`, which is above zero, throttled ones left out; however many
    /// succeeded meanwhile.
    ///
    /// The time slides exactly: from the oldest of these failures to the latest it has not passed. The rule takes eight bytes
    /// for each of the `failures`.
    #[must_use]
    pub const fn failures_within(failures: u32, time: Duration) -> Self {
        Self(When::FailuresWithin { failures, time })
    }

    /// `calls`, 1 or more, have been in flight for longer than `age`, which is above zero.
    ///
    /// This rule notices a hang while it lasts, before any of the calls has ended. It is checked when a call is admitted and
    /// when one ends with a success or a failure, by no timer. Only calls of the present closed period count. A circuit with
    /// such a rule keeps a list of its calls in flight, with room for the most that were in flight at once, and takes a lock
    /// for each call.
    ///
    /// The age of a call is all the time since its admission. It includes the time in which the call waits for its own caller
    /// ([`CallerClock`](buttress_context::CallerClock)), so `age` must be longer than the pauses of a streamed upload.
    #[must_use]
    pub const fn stuck(calls: u32, age: Duration) -> Self {
        Self(When::Stuck { calls, age })
    }

    /// Opens by this rule or by `other`.
    pub fn or(self, other: impl Into<TripRules>) -> TripRules {
        TripRules::from(self).or(other)
    }

    pub(crate) const fn needs_slow_call(&self) -> bool {
        matches!(self.0, When::Rate(RateRule { part: Part::Slow, .. }))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.0 {
            When::Rate(rule) => rule.check(),
            When::Streak(failures) => within("failures_in_a_row", "at least 1", failures, &(1..=u32::MAX)),
            When::FailuresWithin { failures, time } => {
                within("failures_within", "1..=1000000 failures", failures, &(1..=1_000_000))?;
                within(
                    "failures_within",
                    "longer than zero",
                    time,
                    &(Duration::from_nanos(1)..=Duration::MAX),
                )
            }
            When::Stuck { calls, age } => {
                within("stuck", "at least 1 call", calls, &(1..=u32::MAX))?;
                within("stuck", "longer than zero", age, &(Duration::from_nanos(1)..=Duration::MAX))
            }
        }
    }
}

impl RateRule {
    fn new(part: Part, rate: f64) -> Self {
        Self { part, rate, proof: Proof::Plain, window: Window::default(), minimum_calls: None }
    }

    /// The calls that are judged, [`Window::time`] or [`Window::count`]. Default: those of the last 30 s.
    pub const fn over(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Nothing is judged while the window holds fewer calls: 1 or more, at most the calls of a count window. Default: 20
    /// (for [`evidence`](TripRule::evidence) 5), or the calls of a count window where that is less.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = Some(calls);
        self
    }

    /// Opens by this rule or by `other`.
    pub fn or(self, other: impl Into<TripRules>) -> TripRules {
        TripRules::from(self).or(other)
    }

    /// The minimum that was asked for, or the default one.
    pub(crate) fn minimum(&self) -> u32 {
        let calls = match self.proof {
            Proof::Plain => 20,
            Proof::Evidence => 5,
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
        Self(When::Rate(rule))
    }
}

/// Rules of which one is enough, made by [`TripRule::or`].
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
