//! `Settings`: what a circuit needs to know, checked, with the rules of every kind in one form.

use std::time::Duration;

use crate::config::{Builder, ToClose};
use crate::rule::{Part, TripRule, When};
use crate::state::{Nanos, nanos};
use crate::{RateRule, Window};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What they were made of.
    pub(crate) asked: Builder,
    /// The windows of all rules, each once. The first is the one that [`Stats`](crate::Stats) shows.
    pub(crate) windows: Vec<Window>,
    /// By what the closed circuit opens; of several broken rules, by the first.
    pub(crate) checks: Vec<Check>,
    pub(crate) slow_call: Option<Nanos>,
    pub(crate) open_for: Nanos,
    pub(crate) open_growth: f64,
    pub(crate) open_jitter: f64,
    pub(crate) open_max: Nanos,
    pub(crate) max_retry_after: Nanos,
    pub(crate) probing: Probing,
    pub(crate) patience: Nanos,
    /// How long each step of a ramp takes.
    pub(crate) ramp: Option<Nanos>,
}

/// A rule, as the circuit checks it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Check {
    /// A part of the calls of the window with this number.
    Rate { part: Part, threshold: f64, minimum: u32, window: usize, span: Option<Duration> },
    /// Failures in a row; only while the window with this number holds fewer calls than this.
    Streak { limit: u32, below: Option<(usize, u32)> },
    /// Calls in flight for longer than `age`: the one with this number among the rules of its kind.
    Stuck { calls: u32, age: Duration, number: usize },
}

/// What a round of probes needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Probing {
    pub(crate) probes: u32,
    pub(crate) to_close: ToClose,
    pub(crate) lease: Nanos,
    pub(crate) failure_rate: Option<f64>,
    pub(crate) slow_rate: Option<f64>,
    pub(crate) slow_call: Option<Nanos>,
}

impl Settings {
    /// Of what is known to be good.
    pub(crate) fn new(asked: Builder) -> Self {
        let mut settings = Self {
            windows: vec![asked.window],
            checks: Vec::new(),
            slow_call: asked.slow_call.map(nanos),
            open_for: nanos(asked.open_for),
            open_growth: asked.open_growth,
            open_jitter: asked.open_jitter,
            open_max: nanos(asked.longest()),
            max_retry_after: nanos(asked.max_retry_after),
            probing: Probing {
                probes: asked.probes,
                to_close: asked.to_close,
                lease: nanos(asked.lease),
                failure_rate: asked.failure_rate,
                slow_rate: asked.slow_rate,
                slow_call: asked.slow_call.map(nanos),
            },
            patience: nanos(asked.patience_or_default()),
            ramp: asked.ramp.map(nanos),
            asked,
        };
        settings.add_those_of_setters();
        for rule in settings.asked.rules.clone() {
            settings.add(rule);
        }
        settings
    }

    fn add_those_of_setters(&mut self) {
        let asked = &self.asked;
        let window = asked.window;
        if let Some(limit) = window.streak() {
            self.checks.push(Check::Streak { limit, below: None });
            return;
        }
        let minimum = asked.minimum_calls.unwrap_or_else(|| window.default_minimum());
        // With a minimum of one, the failure that would make a streak makes up the minimum too.
        if let Some(limit) = asked.consecutive_failures.filter(|_| minimum > 1) {
            self.checks.push(Check::Streak { limit, below: Some((0, minimum)) });
        }
        let slow_rate = asked.slow_rate.filter(|_| asked.slow_call.is_some());
        let rates = [
            (Part::Failed, asked.failure_rate),
            (Part::Slow, slow_rate),
            (Part::Throttled, asked.throttle_rate),
        ];
        for (part, rate) in rates {
            let check = |threshold| Check::Rate { part, threshold, minimum, window: 0, span: window.span() };
            self.checks.extend(rate.map(check));
        }
    }

    fn add(&mut self, rule: TripRule) {
        let check = match rule.0 {
            When::Rate(rule @ RateRule { part, rate, window, .. }) => Check::Rate {
                part,
                threshold: rate,
                minimum: rule.minimum(),
                window: self.number_of(window),
                span: window.span(),
            },
            When::Streak(limit) => Check::Streak { limit, below: None },
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
