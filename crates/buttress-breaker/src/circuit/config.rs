//! The builder.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::range::{positive, rate, within};
use crate::circuit::rule::{RateRule, TripRule, TripRules};
use crate::circuit::threshold::Threshold;
use crate::circuit::window::Window;

/// Changes the settings of a [`Breaker`](crate::Breaker); made by [`Breaker::builder`](crate::Breaker::builder). Nothing is checked before
/// [`build`](Self::build).
///
/// A setting of type `impl Into<Option<T>>` takes the value itself, or `None` to switch the rule off.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct BreakerBuilder {
    pub(crate) name: Arc<str>,
    pub(crate) window: Window,
    pub(crate) failure_rate: FailureRate,
    pub(crate) minimum_calls: Option<u32>,
    pub(crate) consecutive_failures: Option<u32>,
    pub(crate) slow_call: Option<Duration>,
    pub(crate) slow_rate: Option<f64>,
    pub(crate) throttle_rate: Option<f64>,
    pub(crate) open_for: Duration,
    pub(crate) open_growth: f64,
    pub(crate) open_jitter: f64,
    pub(crate) open_max: Option<Duration>,
    pub(crate) max_retry_after: Duration,
    pub(crate) probes: u32,
    pub(crate) to_close: ToClose,
    pub(crate) lease: Duration,
    pub(crate) patience: Option<Duration>,
    pub(crate) ramp: Option<Duration>,
    pub(crate) rules: Vec<TripRule>,
}

/// How the setters judge the failed calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FailureRate {
    /// Nobody asked for a rate: half of the calls, by evidence.
    Default,
    /// A plain rate, as it was given.
    Plain(f64),
    /// Not at all.
    Off,
}

/// Of the rule that nobody asked for.
const DEFAULT_RATE: f64 = 0.5;

/// When a half-open circuit closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToClose {
    /// When the share of bad probes is sure to stay below the threshold of the closed circuit.
    Share,
    /// When this many succeeded.
    AtLeast(u32),
    /// When all are settled and no rate is at its threshold.
    ByRate,
}

impl BreakerBuilder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            window: Window::default(),
            failure_rate: FailureRate::Default,
            minimum_calls: None,
            consecutive_failures: Some(20),
            slow_call: None,
            slow_rate: Some(0.5),
            throttle_rate: None,
            open_for: Duration::from_secs(5),
            open_growth: 2.0,
            open_jitter: 0.2,
            open_max: None,
            max_retry_after: Duration::from_secs(60),
            probes: 3,
            to_close: ToClose::Share,
            lease: Duration::from_secs(10),
            patience: None,
            ramp: None,
            rules: Vec::new(),
        }
    }

    /// Which calls a closed circuit judges. Default: [`Window::time`] of 30 s.
    pub const fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// The circuit opens when this share of the window's calls failed, a plain rate: above 0.0, at most 1.0, or none. Default:
    /// evidence that more than half of the calls fail, [`TripRule::evidence`] of 0.5.
    pub fn failure_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.failure_rate = rate.into().map_or(FailureRate::Off, FailureRate::Plain);
        self
    }

    /// No rate is judged while the window holds fewer calls: 1 or more, at most the calls of a count window. Default: 20 for
    /// a plain rate, 5 for the evidence, or the calls of a count window where that is less. A minimum that is set makes
    /// a plain rate of the default one: half of at least `calls`.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = Some(calls);
        self
    }

    /// The circuit opens at `failures` in a row, throttled ones left out, however many calls the window holds: 1 or more, or
    /// none. Default: 20. This notices a dependency that dies after a long time of health, when its failures are still a small
    /// share of the window.
    pub fn consecutive_failures(mut self, failures: impl Into<Option<u32>>) -> Self {
        self.consecutive_failures = failures.into();
        self
    }

    /// A call that takes longer is slow, also when it failed: longer than zero, or none. Default: none, and slowness
    /// is not watched.
    pub fn slow_call(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.slow_call = limit.into();
        self
    }

    /// The circuit opens when this part of the window's calls was slow: above 0.0, at most 1.0, or none. Default: 0.5.
    /// It needs [`slow_call`](Self::slow_call).
    pub fn slow_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.slow_rate = rate.into();
        self
    }

    /// The circuit opens when this part of the window's calls was throttled by the dependency: above 0.0, at most
    /// 1.0, or none. Default: none. Throttled calls are counted all the same, and never as failed.
    pub fn throttle_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.throttle_rate = rate.into();
        self
    }

    /// The first wait of an open circuit: longer than zero. Default: 5 s.
    pub const fn open_for(mut self, wait: Duration) -> Self {
        self.open_for = wait;
        self
    }

    /// By what the wait is multiplied each time the circuit opens again: 1.0..=10.0. Default: 2.0. It begins anew after
    /// the circuit has stayed closed for [`open_max`](Self::open_max) at a stretch, until it opened.
    pub const fn open_growth(mut self, factor: f64) -> Self {
        self.open_growth = factor;
        self
    }

    /// By what part of itself the wait is made longer or shorter at random, so that many processes don't probe at
    /// once: 0.0..=0.5. Default: 0.2.
    pub const fn open_jitter(mut self, part: f64) -> Self {
        self.open_jitter = part;
        self
    }

    /// The longest wait, jitter included, but for one that the dependency asks for: at least `open_for`. Default: 60 s, or `open_for` where that is longer.
    pub const fn open_max(mut self, wait: Duration) -> Self {
        self.open_max = Some(wait);
        self
    }

    /// The circuit stays open for at least what the dependency asked for, cut at this; zero ignores it. Default: 60 s.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.max_retry_after = wait;
        self
    }

    /// The probes of a half-open circuit, in all: 1..=10 000. Default: 3.
    pub const fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// The probes that have to succeed, 1..=`probes`. Default: as many as it takes for the share of bad probes to stay below
    /// the `failure_rate`, or below half where none is set: 2 of 3. A probe is bad if it failed, was throttled, was slow
    /// where slowness is watched, or outlived its lease.
    pub const fn probes_to_close(mut self, probes: u32) -> Self {
        self.to_close = ToClose::AtLeast(probes);
        self
    }

    /// Judges the probes by `failure_rate` and `slow_rate` apart, after the last of them unless one rate is reached before.
    /// It needs one of these rates. Default: off, see [`probes_to_close`](Self::probes_to_close).
    pub const fn probes_by_rate(mut self) -> Self {
        self.to_close = ToClose::ByRate;
        self
    }

    /// How long a probe may hold its slot: longer than zero. Default: 10 s. A probe that takes longer has failed.
    ///
    /// The lease includes the time in which a probe waits for its own caller ([`CallerClock`](buttress_context::CallerClock)):
    /// a longer pause of a streamed upload fails the probe.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// A circuit that closes after its probes takes its load back step by step: 10, 25 and 50 % of the calls, each for so
    /// long (more than zero), then all. What it holds back is refused with
    /// [`RejectionReason::Ramping`](buttress_error::RejectionReason::Ramping), under [`backpressure`](crate::BreakerLayer::backpressure) too; what it
    /// admits is judged as ever. Default: none, all calls pass at once.
    pub fn ramp(mut self, step: impl Into<Option<Duration>>) -> Self {
        self.ramp = step.into();
        self
    }

    /// A call that was dropped counts as a failure if it had waited so long. Default: `slow_call` where it is set, else
    /// 1 s. Zero takes every dropped call for a failure, [`Duration::MAX`] none. A [`Permit`](crate::Permit) waits from its
    /// admission on, a future at the latest from its first poll that was pending.
    pub const fn patience(mut self, wait: Duration) -> Self {
        self.patience = Some(wait);
        self
    }

    /// Opens the circuit by these rules too, beside those of the setters and of other calls of this method. To be judged by
    /// such rules alone, a circuit has [`failure_rate`](Self::failure_rate) and
    /// [`consecutive_failures`](Self::consecutive_failures) set to `None`.
    ///
    /// Of several rules that a result breaks at once, a refusal names the first: those of the setters, then these in their
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
        rate("slow_rate", self.slow_rate)?;
        rate("throttle_rate", self.throttle_rate)?;
        within("minimum_calls", "at least 1 and at most the calls of a count window", minimum, &(1..=calls))?;
        within("consecutive_failures", "at least 1, or none", streak, &(1..=u32::MAX))?;
        positive("slow_call", self.slow_call.unwrap_or(Duration::MAX))?;
        positive("open_for", self.open_for)?;
        within("open_growth", "in 1.0..=10.0", self.open_growth, &(1.0..=10.0))?;
        within("open_jitter", "in 0.0..=0.5", self.open_jitter, &(0.0..=0.5))?;
        within("open_max", "at least open_for", self.longest(), &(self.open_for..=Duration::MAX))?;
        within("probes", "in 1..=10000", self.probes, &(1..=10_000))?;
        match self.to_close {
            ToClose::AtLeast(probes) => {
                within("probes_to_close", "at least 1 and at most probes", probes, &(1..=self.probes))?;
            }
            // The probes would close the circuit even if all of them failed.
            ToClose::ByRate if self.failure_rate == FailureRate::Off && !self.judges_slowness() => {
                let range = "used with a failure_rate, or a slow_call and its rate";
                return Err(ConfigError::new("probes_by_rate", range, format_args!("neither")));
            }
            ToClose::Share | ToClose::ByRate => {}
        }
        positive("lease", self.lease)?;
        positive("ramp", self.ramp.unwrap_or(Duration::MAX))?;
        self.rules.iter().try_for_each(|rule| self.check_rule(rule))
    }

    fn check_rule(&self, rule: &TripRule) -> Result<(), ConfigError> {
        rule.check()?;
        if rule.needs_slow_call() && self.slow_call.is_none() {
            return Err(ConfigError::new("slow_rate", "used with a slow_call", format_args!("no slow_call")));
        }
        Ok(())
    }

    fn judges_slowness(&self) -> bool {
        self.slow_call.is_some() && self.slow_rate.is_some()
    }

    /// The rate of failures, if the user gave one.
    const fn plain_failure_rate(&self) -> Option<f64> {
        match self.failure_rate {
            FailureRate::Plain(rate) => Some(rate),
            FailureRate::Default | FailureRate::Off => None,
        }
    }

    /// The rate of failures by which calls or probes are judged, if they are.
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

    /// This rule, with the minimum of the setters.
    pub(crate) const fn with_minimum(&self, rule: RateRule) -> RateRule {
        match self.minimum_calls {
            Some(calls) => rule.minimum_calls(calls),
            None => rule,
        }
    }

    /// How many probes have to succeed; none, where their rates are judged.
    pub(crate) fn needed_probes(&self) -> Option<u32> {
        match self.to_close {
            ToClose::Share => {
                let threshold = Threshold::new(self.judged_failure_rate().unwrap_or(DEFAULT_RATE));
                Some(self.probes - threshold.most_below(self.probes))
            }
            ToClose::AtLeast(probes) => Some(probes),
            ToClose::ByRate => None,
        }
    }

    pub(crate) fn longest(&self) -> Duration {
        self.open_max.unwrap_or(self.open_for.max(Duration::from_secs(60)))
    }

    pub(crate) fn patience_or_default(&self) -> Duration {
        self.patience.or(self.slow_call).unwrap_or(Duration::from_secs(1))
    }
}
