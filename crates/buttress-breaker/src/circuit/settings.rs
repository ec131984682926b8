//! `Settings`: the checked settings of a circuit, with all rules in one form.

use std::time::Duration;

use crate::circuit::builder::BreakerBuilder;
use crate::circuit::open_wait::OpenWait;
use crate::circuit::rule::{Comparison, Condition, Measure, RateRule, TripRule};
use crate::circuit::threshold::Threshold;
use crate::circuit::time::{Nanos, nanos};
use crate::circuit::window::{RecentFailures, Window};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The builder they were made from.
    pub(crate) source: BreakerBuilder,
    /// The windows of all rules, each once. [`BreakerStats`](crate::BreakerStats) shows the first.
    pub(crate) windows: Vec<Window>,
    /// The rules by which a closed circuit opens. If several are broken, the first is reported.
    pub(crate) checks: Vec<Check>,
    pub(crate) slow_call: Option<Nanos>,
    pub(crate) open_wait: OpenWait,
    pub(crate) round: RoundSettings,
    /// How long a dropped call must have waited to count as a failure.
    pub(crate) abandon_after: Nanos,
    /// The length of a step of a ramp.
    pub(crate) ramp: Option<Nanos>,
}

/// A rule in the form in which the circuit checks it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Check {
    Rate(RateCheck),
    /// Failures in a row.
    Streak(u32),
    /// Failures within a time. `number` is the position among the rules of this kind.
    FailuresWithin {
        failures: u32,
        time: Duration,
        number: usize,
    },
    /// Calls in flight for longer than `age`. `number` is the position among the rules of this kind.
    Stuck {
        calls: u32,
        age: Duration,
        number: usize,
    },
}

/// A share of the calls in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateCheck {
    pub(crate) measure: Measure,
    pub(crate) threshold: Threshold,
    pub(crate) comparison: Comparison,
    pub(crate) minimum: u32,
    /// The position of the window in [`Settings::windows`].
    pub(crate) window: usize,
    /// The length of a time window.
    pub(crate) span: Option<Duration>,
    /// The size of a count window.
    pub(crate) capacity: Option<u32>,
}

/// The settings of a round of probes.
#[derive(Clone, Debug)]
pub(crate) struct RoundSettings {
    pub(crate) probes: u32,
    /// The number that must succeed; none if the rates decide.
    pub(crate) needed: Option<u32>,
    pub(crate) timeout: Nanos,
    pub(crate) failure_rate: Option<Threshold>,
    pub(crate) slow_rate: Option<Threshold>,
    pub(crate) slow_call: Option<Nanos>,
}

impl Settings {
    /// The settings must have been checked.
    pub(crate) fn new(source: BreakerBuilder) -> Self {
        let mut settings = Self {
            windows: vec![source.window],
            checks: Vec::new(),
            slow_call: source.slow_call.limit.map(nanos),
            open_wait: source.open_wait,
            round: RoundSettings {
                probes: source.probes.number,
                needed: source.probes_to_close(),
                timeout: nanos(source.probes.timeout),
                failure_rate: source.judged_failure_rate().map(Threshold::new),
                slow_rate: source.slow_call.rate.map(Threshold::new),
                slow_call: source.slow_call.limit.map(nanos),
            },
            abandon_after: nanos(source.abandon_after_or_default()),
            ramp: source.ramp.map(nanos),
            source,
        };
        settings.add_rules_of_setters();
        for rule in settings.source.rules.clone() {
            settings.add(rule);
        }
        settings
    }

    fn add_rules_of_setters(&mut self) {
        let source = self.source.clone();
        let window = source.window;
        if let Some(failures) = window.streak() {
            self.checks.push(Check::Streak(failures));
            return;
        }
        self.checks.extend(source.consecutive_failures.map(Check::Streak));
        let plain = |rule: RateRule| source.with_minimum(rule).over(window);
        let slow_rate = source.slow_call.rate.filter(|_| source.slow_call.limit.is_some());
        let rules = [source.failure_rule(), slow_rate.map(TripRule::slow_rate).map(plain)];
        rules.into_iter().flatten().for_each(|rule| self.add(rule.into()));
    }

    fn add(&mut self, rule: TripRule) {
        let check = match rule.0 {
            Condition::Rate(rule) => Check::Rate(RateCheck {
                measure: rule.measure,
                threshold: Threshold::new(rule.rate),
                comparison: rule.comparison,
                minimum: rule.minimum(),
                window: self.position_of(rule.window),
                span: rule.window.span(),
                capacity: rule.window.capacity(),
            }),
            Condition::Streak(failures) => Check::Streak(failures),
            Condition::FailuresWithin { failures, time } => {
                Check::FailuresWithin { failures, time, number: self.recent_failures().count() }
            }
            Condition::Stuck { calls, age } => Check::Stuck { calls, age, number: self.ages().count() },
        };
        self.checks.push(check);
    }

    fn position_of(&mut self, window: Window) -> usize {
        self.windows.iter().position(|known| *known == window).unwrap_or_else(|| {
            self.windows.push(window);
            self.windows.len() - 1
        })
    }

    /// The empty states of rules about failures within a time, in the order of their numbers.
    pub(crate) fn recent_failures(&self) -> impl Iterator<Item = RecentFailures> {
        self.checks.iter().filter_map(|check| match check {
            Check::FailuresWithin { failures, time, .. } => {
                Some(RecentFailures::new(*failures, nanos(*time)))
            }
            _ => None,
        })
    }

    /// The ages in rules about calls in flight, in the order of their numbers.
    pub(crate) fn ages(&self) -> impl Iterator<Item = Nanos> {
        self.checks.iter().filter_map(|check| match check {
            Check::Stuck { age, .. } => Some(nanos(*age)),
            _ => None,
        })
    }

    /// Returns `true` if a rule needs the calls in flight.
    pub(crate) fn tracks_calls(&self) -> bool {
        self.ages().next().is_some()
    }
}
