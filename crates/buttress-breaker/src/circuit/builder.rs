//! `BreakerBuilder`: the settings as the user gives them.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::open_wait::OpenWait;
use crate::circuit::probes::Probes;
use crate::circuit::range::{positive, rate, within};
use crate::circuit::rule::{RateRule, TripRule, TripRules};
use crate::circuit::slow_call::SlowCall;
use crate::circuit::window::Window;

/// The settings of a [`Breaker`](crate::Breaker), made by [`Breaker::builder`](crate::Breaker::builder). Nothing is
/// checked before [`build`](Self::build).
///
/// A setting of type `impl Into<Option<T>>` takes the value itself, or `None` to switch it off.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct BreakerBuilder {
    pub(crate) name: Arc<str>,
    pub(crate) window: Window,
    pub(crate) failure_rate: FailureRate,
    pub(crate) minimum_calls: Option<u32>,
    pub(crate) consecutive_failures: Option<u32>,
    pub(crate) slow_call: SlowCall,
    pub(crate) open_wait: OpenWait,
    pub(crate) probes: Probes,
    pub(crate) abandon_after: Option<Duration>,
    pub(crate) ramp: Option<Duration>,
    pub(crate) rules: Vec<TripRule>,
}

/// How the setters judge failed calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FailureRate {
    /// Half of the calls, by evidence.
    Default,
    /// A plain rate that the user set.
    Plain(f64),
    /// Not at all.
    Off,
}

/// The threshold of [`FailureRate::Default`].
const DEFAULT_RATE: f64 = 0.5;

impl BreakerBuilder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            window: Window::default(),
            failure_rate: FailureRate::Default,
            minimum_calls: None,
            consecutive_failures: Some(20),
            slow_call: SlowCall::default(),
            open_wait: OpenWait::default(),
            probes: Probes::default(),
            abandon_after: None,
            ramp: None,
            rules: Vec::new(),
        }
    }

    /// The calls that a closed circuit judges. Default: [`Window::time`] of 30 s.
    pub const fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The share of failed calls in the window at which the circuit opens: above 0.0, at most 1.0, or none. It is a plain
    /// rate. Default: evidence that more than half of the calls fail, [`TripRule::evidence`] of 0.5.
    pub fn failure_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.failure_rate = rate.into().map_or(FailureRate::Off, FailureRate::Plain);
        self
    }

    /// The number of calls in the window below which no rate is judged: 1 or more, at most the calls of a count window.
    /// Default: 20 for a plain rate, 5 for the evidence, or the calls of a count window if that is less. With a minimum,
    /// the default rule becomes a plain rate: half of at least `calls`.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = Some(calls);
        self
    }

    /// The number of failures in a row at which the circuit opens, however many calls the window holds: 1 or more, or none.
    /// Throttled calls neither count nor end the row. Default: 20. This rule notices a dependency that dies after a long
    /// time of health, when its failures are still a small share of the window.
    pub fn consecutive_failures(mut self, failures: impl Into<Option<u32>>) -> Self {
        self.consecutive_failures = failures.into();
        self
    }

    /// The time beyond which a call is slow, and the share of slow calls at which the circuit opens: a [`Duration`], a
    /// [`SlowCall`], or `None`. Default: none, and slowness is not measured.
    pub fn slow_call(mut self, slow_call: impl Into<SlowCall>) -> Self {
        self.slow_call = slow_call.into();
        self
    }

    /// How long the circuit stays open before it admits probes: a [`Duration`] for the first wait, or an [`OpenWait`].
    /// Default: 5 s, doubled each time the circuit reopens, up to 60 s.
    pub fn open_wait(mut self, wait: impl Into<OpenWait>) -> Self {
        self.open_wait = wait.into();
        self
    }

    /// The calls that a half-open circuit admits, and how they decide: a number of calls, or [`Probes`]. Default: 3 probes
    /// of at most 10 s each, of which 2 must succeed.
    pub fn probes(mut self, probes: impl Into<Probes>) -> Self {
        self.probes = probes.into();
        self
    }

    /// The length of a step of the ramp after a recovery: above zero, or none. The circuit then admits 10, 25 and 50 % of the
    /// calls for one step each before it admits all. It refuses the other calls with
    /// [`RejectionReason::Ramping`](buttress_error::RejectionReason::Ramping), under
    /// [`backpressure`](crate::BreakerLayer::backpressure) too, and judges the admitted ones as ever. Default: none, all
    /// calls pass at once.
    pub fn ramp(mut self, step: impl Into<Option<Duration>>) -> Self {
        self.ramp = step.into();
        self
    }

    /// How long a call must have waited to count as a failure if it is dropped: above zero; [`Duration::MAX`] counts no
    /// dropped call. Default: the limit of [`slow_call`](Self::slow_call) if there is one, else 1 s.
    ///
    /// The wait of a [`Permit`](crate::Permit) begins at its admission, that of a future at its first pending poll at the
    /// latest.
    pub const fn abandon_after(mut self, wait: Duration) -> Self {
        self.abandon_after = Some(wait);
        self
    }

    /// Adds rules by which the circuit opens, to those of the setters and of earlier calls of this method. If these are to be
    /// the only rules, set [`failure_rate`](Self::failure_rate) and
    /// [`consecutive_failures`](Self::consecutive_failures) to `None`.
    ///
    /// If a result breaks several rules at once, the refusal names the first: those of the setters, then these in their
    /// order.
    pub fn trip_when(mut self, rules: impl Into<TripRules>) -> Self {
        self.rules.extend(rules.into().0);
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.window.check()?;
        let calls = self.window.capacity().unwrap_or(u32::MAX);
        let (minimum, streak) = (self.minimum_calls.unwrap_or(1), self.consecutive_failures.unwrap_or(1));
        rate("failure_rate", self.plain_failure_rate())?;
        within("minimum_calls", "at least 1 and at most the calls of a count window", minimum, &(1..=calls))?;
        within("consecutive_failures", "at least 1, or none", streak, &(1..=u32::MAX))?;
        self.slow_call.check()?;
        self.open_wait.check()?;
        self.probes.check()?;
        // The probes would close the circuit even if all of them failed.
        if self.probes.are_judged_by_rate()
            && self.failure_rate == FailureRate::Off
            && !self.slow_call.is_judged()
        {
            let range = "used with a failure_rate, or a slow_call and its rate";
            return Err(ConfigError::new("probes.by_rate", range, format_args!("neither")));
        }
        positive("abandon_after", self.abandon_after.unwrap_or(Duration::MAX))?;
        positive("ramp", self.ramp.unwrap_or(Duration::MAX))?;
        self.rules.iter().try_for_each(|rule| self.check_rule(rule))
    }

    fn check_rule(&self, rule: &TripRule) -> Result<(), ConfigError> {
        rule.check()?;
        if rule.needs_slow_call() && self.slow_call.limit.is_none() {
            return Err(ConfigError::new("slow_rate", "used with a slow_call", format_args!("no slow_call")));
        }
        Ok(())
    }

    /// The plain failure rate, if the user set one.
    const fn plain_failure_rate(&self) -> Option<f64> {
        match self.failure_rate {
            FailureRate::Plain(rate) => Some(rate),
            FailureRate::Default | FailureRate::Off => None,
        }
    }

    /// The failure rate by which calls and probes are judged, if they are.
    pub(crate) const fn judged_failure_rate(&self) -> Option<f64> {
        match self.failure_rate {
            FailureRate::Default => Some(DEFAULT_RATE),
            FailureRate::Plain(rate) => Some(rate),
            FailureRate::Off => None,
        }
    }

    /// The rule that the setters make for failed calls, if they make one.
    pub(crate) fn failure_rule(&self) -> Option<RateRule> {
        let rate = self.judged_failure_rate()?;
        let rule = match (self.failure_rate, self.minimum_calls) {
            (FailureRate::Default, None) => TripRule::evidence(rate),
            _ => self.with_minimum(TripRule::failure_rate(rate)),
        };
        Some(rule.over(self.window))
    }

    /// The rule with the minimum of the setters, if one is set.
    pub(crate) const fn with_minimum(&self, rule: RateRule) -> RateRule {
        match self.minimum_calls {
            Some(calls) => rule.minimum_calls(calls),
            None => rule,
        }
    }

    /// The number of probes that must succeed; none if their rates are judged instead.
    pub(crate) fn probes_to_close(&self) -> Option<u32> {
        self.probes.needed(self.judged_failure_rate().unwrap_or(DEFAULT_RATE))
    }

    pub(crate) fn abandon_after_or_default(&self) -> Duration {
        self.abandon_after.or(self.slow_call.limit).unwrap_or(Duration::from_secs(1))
    }
}
