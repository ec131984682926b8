//! A breaker that keeps every outcome and recomputes everything: slow, and obviously right. Times are milliseconds.

/// The settings that all setups share.
pub(crate) const OPEN_FOR: u64 = 10;
pub(crate) const OPEN_MAX: u64 = 40;
pub(crate) const MAX_RETRY_AFTER: u64 = 30;
pub(crate) const PROBES: usize = 3;
pub(crate) const PROBE_TIMEOUT: u64 = 15;
pub(crate) const ABANDON_AFTER: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Time { bucket: u64, buckets: u64 },
    Count(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Failed,
    Slow,
    Throttled,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TripReason {
    Rate { part: Part, threshold: f64, minimum: usize, span: Span },
    Evidence { threshold: f64, minimum: usize, span: Span },
    Streak { limit: usize },
    FailuresWithin { failures: usize, time: u64 },
    Stuck { calls: usize, age: u64 },
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What `stats().window` shows; none: the streak.
    pub(crate) shown: Option<Span>,
    pub(crate) rules: Vec<TripReason>,
    pub(crate) slow: Option<u64>,
    /// Probes that have to succeed.
    pub(crate) needed: usize,
    /// How long a step of the ramp takes.
    pub(crate) ramp: Option<u64>,
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Success,
    Failure { retry_after: u64 },
    Throttle,
    Neutral,
    Dropped,
    Panic,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    ForceOpen,
    Disable,
    Shadow,
    Release,
    Reset,
}

/// A call in flight, as the model knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    id: usize,
    /// The period in which it was admitted; none if only the shadow let it pass.
    period: Option<u32>,
    since: u64,
    /// It holds something that it gives back at its end: a probe's slot, or a place among the calls whose age is watched.
    holds: bool,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    at: u64,
    failed: bool,
    slow: bool,
    throttled: bool,
}

#[derive(Clone, Debug)]
enum Period {
    Closed { since: u64 },
    Disabled,
    ForcedOpen,
    Open { until: u64 },
    HalfOpen { probes: Vec<Call> },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) admitted: u64,
    pub(crate) rejected: u64,
    pub(crate) shadowed: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) throttled: u64,
    pub(crate) neutral: u64,
    pub(crate) late: u64,
    pub(crate) slow: u64,
    pub(crate) abandoned: u64,
    pub(crate) expired: u64,
    pub(crate) transitions: u64,
}

/// Total, failed, slow, throttled.
pub(crate) type Tally = (u32, u32, u32, u32);

#[derive(Debug)]
pub(crate) struct Model {
    settings: Settings,
    number: u32,
    period: Period,
    shadow: bool,
    openings: u32,
    /// Of this period.
    outcomes: Vec<Outcome>,
    /// Of this period.
    in_flight: Vec<Call>,
    /// Until when the dependency asked us to wait, in this period.
    asked: u64,
    /// When the ramp began, if the period began with one, and the step in which each call asked.
    ramp: Option<(u64, Vec<u64>)>,
    /// The latest time that anybody looked at.
    seen: u64,
    pub(crate) counts: Counts,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            number: 0,
            period: Period::Closed { since: 0 },
            shadow: false,
            openings: 0,
            outcomes: Vec::new(),
            in_flight: Vec::new(),
            asked: 0,
            ramp: None,
            seen: 0,
            counts: Counts::default(),
        }
    }

    pub(crate) fn state(&self) -> &'static str {
        match self.period {
            Period::Closed { .. } => "closed",
            Period::Disabled => "disabled",
            Period::ForcedOpen => "forced_open",
            Period::Open { .. } => "open",
            Period::HalfOpen { .. } => "half_open",
        }
    }

    fn enter(&mut self, period: Period) {
        let from = self.state();
        self.period = period;
        self.counts.transitions += u64::from(self.state() != from);
        self.number += 1;
        self.in_flight.clear();
        self.asked = 0;
        self.ramp = None;
        // The open circuit still shows the window by which it opened.
        if !matches!(self.period, Period::Open { .. }) {
            self.outcomes.clear();
        }
    }

    fn open(&mut self, now: u64) {
        let healthy = match self.period {
            Period::Closed { since } => now - since,
            _ => 0,
        };
        if healthy >= OPEN_MAX {
            self.openings = 0;
        }
        let wait = (OPEN_FOR << self.openings.min(10)).min(OPEN_MAX);
        self.openings += 1;
        self.enter(Period::Open { until: (now + wait).max(self.asked) });
    }

    pub(crate) fn admit(&mut self, id: usize, now: u64) -> Option<Call> {
        self.seen = now;
        self.expire(now);
        if matches!(self.period, Period::Closed { .. }) && self.stuck(now) {
            self.open(now);
        }
        if matches!(self.period, Period::Open { until } if until <= now) {
            self.enter(Period::HalfOpen { probes: Vec::new() });
        }
        let holds = matches!(self.period, Period::HalfOpen { .. }) || self.watches_ages();
        let call = Call { id, period: Some(self.number), since: now, holds };
        let settled = self.outcomes.len();
        let held_back = self.held_back(now);
        let passes = match &mut self.period {
            Period::Closed { .. } => !held_back,
            Period::Disabled => true,
            Period::Open { .. } | Period::ForcedOpen => false,
            Period::HalfOpen { probes } => {
                let free = probes.len() + settled < PROBES;
                if free {
                    probes.push(call);
                }
                free
            }
        };
        if passes {
            self.counts.admitted += 1;
            self.in_flight.push(call);
            Some(call)
        } else if self.shadow {
            self.counts.shadowed += 1;
            Some(Call { period: None, holds: false, ..call })
        } else {
            self.counts.rejected += 1;
            None
        }
    }

    /// In each step of a ramp this share of the calls is admitted, rounded up.
    fn held_back(&mut self, now: u64) -> bool {
        let (Some((began, asked)), Some(step)) = (&mut self.ramp, self.settings.ramp) else { return false };
        let number = (now - *began) / step;
        let Some(percent) = [10, 25, 50].get(number as usize) else { return false };
        asked.push(number);
        let count = asked.iter().filter(|other| **other == number).count() as u64;
        (count * percent).div_ceil(100) == ((count - 1) * percent).div_ceil(100)
    }

    /// Probes that have timed out have failed.
    fn expire(&mut self, now: u64) {
        let Period::HalfOpen { probes } = &mut self.period else { return };
        let ends: Vec<_> = probes
            .extract_if(.., |probe| probe.since + PROBE_TIMEOUT <= now)
            .map(|probe| probe.since + PROBE_TIMEOUT)
            .collect();
        self.counts.expired += ends.len() as u64;
        let failure = Outcome { at: now, failed: true, slow: false, throttled: false };
        self.outcomes.extend(ends.iter().map(|_| failure));
        if let Some(last) = ends.into_iter().max() {
            self.probes_decide(last);
        }
    }

    fn probes_decide(&mut self, now: u64) {
        let bad = self.outcomes.iter().filter(|probe| probe.failed || probe.slow || probe.throttled).count();
        if bad > PROBES - self.settings.needed {
            self.open(now);
        } else if self.outcomes.len() - bad >= self.settings.needed {
            self.enter(Period::Closed { since: now.max(self.seen) });
            self.ramp = self.settings.ramp.map(|_| (now.max(self.seen), Vec::new()));
        }
    }

    pub(crate) fn settle(&mut self, call: Call, ending: Ending, now: u64) {
        let spares_the_clock = self.settings.slow.is_none() && !call.holds;
        if !(spares_the_clock && matches!(ending, Ending::Success | Ending::Neutral)) {
            self.seen = now;
        }
        if call.period.is_none() {
            return;
        }
        // A probe that ends exactly with its timeout is in time.
        self.expire(self.seen.saturating_sub(1));
        let waited = now - call.since;
        self.counts.abandoned += u64::from(matches!(ending, Ending::Dropped));
        let timely = call.period == Some(self.number)
            && match &mut self.period {
                Period::HalfOpen { probes } => {
                    probes.extract_if(.., |probe| probe.id == call.id).count() == 1
                }
                _ => true,
            };
        if !timely {
            self.counts.late += 1;
            return;
        }
        self.in_flight.retain(|other| other.id != call.id);
        let (failed, throttled) = match ending {
            Ending::Success => (false, false),
            Ending::Failure { .. } | Ending::Panic => (true, false),
            Ending::Dropped if waited >= ABANDON_AFTER => (true, false),
            Ending::Throttle => (false, true),
            Ending::Neutral | Ending::Dropped => {
                self.counts.neutral += 1;
                return;
            }
        };
        let slow = self.settings.slow.is_some_and(|limit| waited > limit);
        *match (failed, throttled) {
            (true, _) => &mut self.counts.failed,
            (_, true) => &mut self.counts.throttled,
            _ => &mut self.counts.succeeded,
        } += 1;
        self.counts.slow += u64::from(slow);
        if let Ending::Failure { retry_after } = ending {
            self.asked = self.asked.max(now + retry_after.min(MAX_RETRY_AFTER));
        }
        self.outcomes.push(Outcome { at: self.seen, failed, slow, throttled });
        match self.period {
            Period::HalfOpen { .. } => self.probes_decide(now),
            Period::Closed { .. }
                if self.settings.rules.clone().iter().any(|rule| self.breaks(*rule, self.seen)) =>
            {
                self.open(now);
            }
            _ => {}
        }
    }

    pub(crate) fn obey(&mut self, order: Order, now: u64) {
        self.seen = now;
        let ordered = matches!(self.period, Period::Disabled | Period::ForcedOpen);
        self.shadow = matches!(order, Order::Shadow);
        match order {
            Order::ForceOpen if !matches!(self.period, Period::ForcedOpen) => self.enter(Period::ForcedOpen),
            Order::Disable if !matches!(self.period, Period::Disabled) => self.enter(Period::Disabled),
            Order::Shadow | Order::Release if ordered => self.enter(Period::Closed { since: now }),
            Order::Reset => {
                self.openings = 0;
                self.enter(Period::Closed { since: now });
            }
            _ => {}
        }
    }

    fn watches_ages(&self) -> bool {
        let closed = matches!(self.period, Period::Closed { .. });
        closed && self.settings.rules.iter().any(|rule| matches!(rule, TripReason::Stuck { .. }))
    }

    fn stuck(&self, now: u64) -> bool {
        let stuck = |rule: &TripReason| matches!(rule, TripReason::Stuck { .. }) && self.breaks(*rule, now);
        self.settings.rules.iter().any(stuck)
    }

    fn breaks(&self, rule: TripReason, now: u64) -> bool {
        match rule {
            TripReason::Rate { part, threshold, minimum, span } => {
                let window = self.window(span, now);
                let part = window.iter().filter(|outcome| match part {
                    Part::Failed => outcome.failed,
                    Part::Slow => outcome.slow,
                    Part::Throttled => outcome.throttled,
                });
                window.len() >= minimum && part.count() as f64 / window.len() as f64 >= threshold
            }
            TripReason::Evidence { threshold, minimum, span } => {
                let window = self.window(span, now);
                let (calls, failed) = (window.len(), window.iter().filter(|outcome| outcome.failed).count());
                let (n, k) = (calls as f64, failed as f64);
                let error = (n * threshold * (1.0 - threshold)).sqrt();
                // No setup has numbers whose difference is that small, and not zero.
                let exceeds = failed > 0 && k >= n * threshold + 2.0 * error - 1e-9;
                let all = failed == calls && matches!(span, Span::Count(capacity) if capacity == calls);
                calls >= minimum && (exceeds || all)
            }
            TripReason::Streak { limit } => self.streak() >= limit,
            TripReason::FailuresWithin { failures, time } => {
                let young = |outcome: &&Outcome| outcome.failed && now - outcome.at <= time;
                self.outcomes.iter().filter(young).count() >= failures
            }
            TripReason::Stuck { calls, age } => {
                self.in_flight.iter().filter(|call| now - call.since > age).count() >= calls
            }
        }
    }

    /// A throttle neither makes nor breaks a streak.
    fn streak(&self) -> usize {
        let told = self.outcomes.iter().rev().filter(|outcome| !outcome.throttled);
        told.take_while(|outcome| outcome.failed).count()
    }

    fn window(&self, span: Span, now: u64) -> Vec<Outcome> {
        match span {
            Span::Count(calls) => self.outcomes[self.outcomes.len().saturating_sub(calls)..].to_vec(),
            Span::Time { bucket, buckets } => {
                let young = |outcome: &&Outcome| outcome.at / bucket + buckets > now / bucket;
                self.outcomes.iter().filter(young).copied().collect()
            }
        }
    }

    /// What the statistics show; none where that is of no use.
    pub(crate) fn look(&mut self, now: u64) -> Option<Tally> {
        self.seen = now;
        let shown = match (&self.period, self.settings.shown) {
            (Period::HalfOpen { .. }, _) => self.outcomes.clone(),
            (Period::Open { .. } | Period::ForcedOpen, _) => return None,
            (_, Some(span)) => self.window(span, now),
            (_, None) => {
                let streak = self.streak() as u32;
                return Some((streak, streak, 0, 0));
            }
        };
        let count = |part: fn(&&Outcome) -> bool| shown.iter().filter(part).count() as u32;
        Some((
            shown.len() as u32,
            count(|outcome| outcome.failed),
            count(|outcome| outcome.slow),
            count(|outcome| outcome.throttled),
        ))
    }
}
