//! `Settings`: what a circuit needs to know, checked, with the rules of every kind in one form.

use std::time::Duration;

use crate::circuit::builder::BreakerBuilder;
use crate::circuit::open_wait::OpenWait;
use crate::circuit::rule::{Part, Proof, RateRule, TripRule, When};
use crate::circuit::threshold::Threshold;
use crate::circuit::time::{Nanos, nanos};
use crate::circuit::window::{RecentFailures, Window};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The builder they were made from.
    pub(crate) source: BreakerBuilder,
    /// The windows of all rules, each once. The first is the one that [`BreakerStats`](crate::BreakerStats) shows.
    pub(crate) windows: Vec<Window>,
    /// By what the closed circuit opens; of several broken rules, by the first.
    pub(crate) checks: Vec<Check>,
    pub(crate) slow_call: Option<Nanos>,
    pub(crate) open_wait: OpenWait,
    pub(crate) round: RoundSettings,
    /// How long a dropped call must have waited to count as a failure.
    pub(crate) abandon_after: Nanos,
    /// How long each step of a ramp takes.
    pub(crate) ramp: Option<Nanos>,
}

/// A rule, as the circuit checks it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Check {
    Rate(RateCheck),
    /// Failures in a row.
    Streak(u32),
    /// Failures within a time: the rule with this number among those of its kind.
    FailuresWithin {
        failures: u32,
        time: Duration,
        number: usize,
    },
    /// Calls in flight for longer than `age`: the rule with this number among those of its kind.
    Stuck {
        calls: u32,
        age: Duration,
        number: usize,
    },
}

/// A share of the calls of the window with this number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateCheck {
    pub(crate) part: Part,
    pub(crate) threshold: Threshold,
    pub(crate) proof: Proof,
    pub(crate) minimum: u32,
    pub(crate) window: usize,
    /// Of a time window.
    pub(crate) span: Option<Duration>,
    /// Of a count window.
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
            When::Rate(rule) => Check::Rate(RateCheck {
                part: rule.part,
                threshold: Threshold::new(rule.rate),
                proof: rule.proof,
                minimum: rule.minimum(),
                window: self.number_of(rule.window),
                span: rule.window.span(),
                capacity: rule.window.capacity(),
            }),
            When::Streak(failures) => Check::Streak(failures),
            When::FailuresWithin { failures, time } => {
                Check::FailuresWithin { failures, time, number: self.recent_failures().count() }
            }
            When::Stuck { calls, age } => Check::Stuck { calls, age, number: self.ages().count() },
        };
        self.checks.push(check);
    }

    fn number_of(&mut self, window: Window) -> usize {
        self.windows.iter().position(|known| *known == window).unwrap_or_else(|| {
            self.windows.push(window);
            self.windows.len() - 1
        })
    }

    /// The empty memories of rules about failures within a time, in the order of their numbers.
    pub(crate) fn recent_failures(&self) -> impl Iterator<Item = RecentFailures> {
        self.checks.iter().filter_map(|check| match check {
            Check::FailuresWithin { failures, time, .. } => {
                Some(RecentFailures::new(*failures, nanos(*time)))
            }
            _ => None,
        })
    }

    /// The ages that rules about calls in flight ask for, in the order of their numbers.
    pub(crate) fn ages(&self) -> impl Iterator<Item = Nanos> {
        self.checks.iter().filter_map(|check| match check {
            Check::Stuck { age, .. } => Some(nanos(*age)),
            _ => None,
        })
    }

    /// Does the circuit have to know its calls in flight?
    pub(crate) fn watches_ages(&self) -> bool {
        self.ages().next().is_some()
    }
}
