//! Admission and settlement.

use std::sync::Arc;

use buttress_error::{Rule, Trip};

use super::round::{Round, Verdict};
use super::wait::Growth;
use super::{Due, Failure, Mark, Nanos, State};
use crate::Stats;
use crate::config::Settings;
use crate::window::{Entry, Memory, Tally};

/// The circuit. Transitions take two steps, so that time and randomness are asked for only when they matter:
/// [`admit`](Self::admit) and [`settle`](Self::settle) say what is [`Due`], `turn` makes it.
#[derive(Debug)]
pub(crate) struct Circuit {
    pub(super) settings: Settings,
    pub(super) phase: Phase,
    /// Decides, but never refuses.
    pub(super) shadow: bool,
    /// Counts the phases, from 1; [`BLIND`] is none of them.
    pub(super) epoch: u64,
    /// The latest time seen: the circuit's time never goes backwards.
    pub(super) latest: Nanos,
    pub(super) memory: Memory,
    /// Failures in a row.
    pub(super) streak: u32,
    /// The last failure of this epoch of the closed circuit, or of the probes.
    pub(super) last: Option<Failure>,
    pub(super) growth: Growth,
    pub(super) stats: Stats,
}

#[derive(Debug)]
pub(super) enum Phase {
    Closed { since: Nanos },
    Open { since: Nanos, until: Nanos, trip: Arc<Trip> },
    HalfOpen { since: Nanos, trip: Arc<Trip>, round: Round },
    ForcedOpen { since: Nanos },
    Disabled,
}

/// The epoch of calls that only shadow mode let through.
pub(super) const BLIND: u64 = 0;

/// What an admitted call carries, to be settled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    epoch: u64,
    at: Nanos,
    probe: Option<u32>,
}

impl Pass {
    /// That of a call which a closed circuit lets in without being asked.
    pub(crate) const fn closed(epoch: u64, at: Nanos) -> Self {
        Self { epoch, at, probe: None }
    }

    pub(crate) const fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// The answer to a call that wants to pass.
#[derive(Debug)]
pub(crate) enum Answer {
    Pass(Pass),
    Refuse(Refusal),
    /// Make this transition and ask again.
    Due(Due),
}

/// Why a call is refused, with its numbers.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    Open { trip: Arc<Trip>, elapsed: Nanos, rest: Nanos },
    Probing { trip: Arc<Trip>, elapsed: Nanos, rest: Nanos },
    Forced { elapsed: Nanos },
}

impl Circuit {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            memory: Memory::new(settings.window),
            settings,
            phase: Phase::Closed { since: 0 },
            shadow: false,
            epoch: BLIND + 1,
            latest: 0,
            streak: 0,
            last: None,
            growth: Growth::default(),
            stats: Stats::default(),
        }
    }

    /// May a call pass now?
    pub(crate) fn admit(&mut self, now: Nanos) -> Answer {
        let now = self.tick(now);
        match &mut self.phase {
            Phase::Closed { .. } | Phase::Disabled => return self.pass(now, None),
            Phase::Open { until, .. } if *until <= now => return Answer::Due(Due::HalfOpen),
            Phase::Open { .. } | Phase::ForcedOpen { .. } => {}
            Phase::HalfOpen { round, .. } => {
                if let Some((expired, ended)) = round.expire(now) {
                    self.stats.expired += u64::from(expired);
                    self.last.get_or_insert_with(Failure::unanswered);
                    if let Some(due) = self.probes_say(Some(ended)) {
                        return Answer::Due(due);
                    }
                }
                if let Phase::HalfOpen { round, .. } = &mut self.phase
                    && let Some(ticket) = round.take(&self.settings, now)
                {
                    return self.pass(now, Some(ticket));
                }
            }
        }
        if let Some(refusal) = self.refusal(now) {
            self.stats.rejected += 1;
            return Answer::Refuse(refusal);
        }
        self.stats.shadowed += 1;
        Answer::Pass(Pass { epoch: BLIND, at: now, probe: None })
    }

    fn pass(&mut self, now: Nanos, probe: Option<u32>) -> Answer {
        self.stats.admitted += 1;
        Answer::Pass(Pass { epoch: self.epoch, at: now, probe })
    }

    /// Why a call at this time would be refused, if it would be.
    pub(crate) fn refusal(&self, now: Nanos) -> Option<Refusal> {
        let now = now.max(self.latest);
        match &self.phase {
            _ if self.shadow => None,
            Phase::Closed { .. } | Phase::Disabled => None,
            Phase::Open { since, until, trip } => (now < *until).then(|| Refusal::Open {
                trip: Arc::clone(trip),
                elapsed: now.saturating_sub(*since),
                rest: until - now,
            }),
            Phase::HalfOpen { since, trip, round } => {
                round.refuses(&self.settings, now).then(|| Refusal::Probing {
                    trip: Arc::clone(trip),
                    elapsed: now.saturating_sub(*since),
                    rest: round.next_end().map_or(0, |ends| ends.saturating_sub(now)),
                })
            }
            Phase::ForcedOpen { since } => Some(Refusal::Forced { elapsed: now.saturating_sub(*since) }),
        }
    }

    /// Counts a call that was refused by an earlier [`refusal`](Self::refusal).
    pub(crate) const fn refused(&mut self) {
        self.stats.rejected += 1;
    }

    /// An admitted call has succeeded, and nothing is wrong: no rule can break, there is only to count. False: it is not
    /// so simple, and nothing was counted.
    pub(crate) fn succeed(&mut self, pass: &Pass) -> bool {
        let simple = pass.epoch == self.epoch
            && pass.probe.is_none()
            && self.streak == 0
            && self.settings.slow_call.is_none()
            && matches!(self.phase, Phase::Closed { .. } | Phase::Disabled);
        let now = self.tick(pass.at);
        let counted = simple && self.memory.record_ok(now);
        self.stats.succeeded += u64::from(counted);
        counted
    }

    /// An admitted call has ended. Without a time it ends at the latest time seen, its admission's at least. `failure` is what a failed call
    /// leaves for later rejections to tell of; it is swapped for the one before it, for the caller to drop.
    pub(crate) fn settle(
        &mut self,
        pass: &Pass,
        mark: Mark,
        now: Option<Nanos>,
        failure: &mut Option<Failure>,
    ) -> Option<Due> {
        let now = self.tick(now.unwrap_or(pass.at));
        if pass.epoch == BLIND {
            return None;
        }
        let elapsed = now.saturating_sub(pass.at);
        let mark = self.judge(mark, elapsed);
        if !self.is_timely(pass) {
            self.stats.late += 1;
            return None;
        }
        let mut entry = match mark {
            Mark::Success => Entry::OK,
            Mark::Failure => Entry::FAILED,
            Mark::Throttle => Entry::THROTTLED,
            Mark::Neutral | Mark::Abandoned => {
                self.stats.neutral += 1;
                return None;
            }
        };
        if self.settings.slow_call.is_some_and(|limit| elapsed > limit) {
            entry = entry.and(Entry::SLOW);
        }
        self.count(mark, entry);
        if let Some(failure) = failure {
            failure.at = now;
        }
        if mark != Mark::Success {
            std::mem::swap(&mut self.last, failure);
        }
        if let Phase::HalfOpen { round, .. } = &mut self.phase {
            round.count(entry);
            return self.probes_say(None);
        }
        self.memory.record(entry, now);
        match mark {
            Mark::Success => self.streak = 0,
            Mark::Failure => self.streak = self.streak.saturating_add(1),
            _ => {}
        }
        let rule = self.broken_rule(now)?;
        Some(Due::Open { rule, since: None })
    }

    /// What an abandoned call means.
    const fn judge(&mut self, mark: Mark, elapsed: Nanos) -> Mark {
        if !matches!(mark, Mark::Abandoned) {
            return mark;
        }
        self.stats.abandoned += 1;
        if elapsed >= self.settings.patience { Mark::Failure } else { Mark::Neutral }
    }

    /// Does the result belong to this epoch, and had its probe still got its slot? Gives the slot back.
    fn is_timely(&mut self, pass: &Pass) -> bool {
        pass.epoch == self.epoch
            && match (&mut self.phase, pass.probe) {
                (Phase::HalfOpen { round, .. }, Some(ticket)) => round.give_back(ticket),
                (Phase::Closed { .. } | Phase::Disabled, None) => true,
                _ => false,
            }
    }

    fn count(&mut self, mark: Mark, entry: Entry) {
        *match mark {
            Mark::Failure => &mut self.stats.failed,
            Mark::Throttle => &mut self.stats.throttled,
            _ => &mut self.stats.succeeded,
        } += 1;
        self.stats.slow += u64::from(entry.is_slow());
    }

    /// The rule by which the closed circuit has to open now.
    fn broken_rule(&mut self, now: Nanos) -> Option<Rule> {
        if matches!(self.phase, Phase::Disabled) {
            return None;
        }
        let settings = &self.settings;
        let broken_streak = |limit: Option<u32>| {
            limit.filter(|limit| self.streak >= *limit).map(|_| Rule::Streak { failures: self.streak })
        };
        if let Some(limit) = settings.window.streak() {
            return broken_streak(Some(limit));
        }
        let Tally { total: calls, failed, slow, throttled } = self.memory.tally(now);
        if calls < settings.minimum_calls {
            return broken_streak(settings.consecutive_failures);
        }
        let window = settings.window.span();
        // Most calls find nothing to divide.
        let reached = |count: u32, threshold: Option<f64>| {
            threshold.filter(|threshold| count > 0 && f64::from(count) / f64::from(calls) >= *threshold)
        };
        if let Some(threshold) = reached(failed, settings.failure_rate) {
            return Some(Rule::Rate { failed, calls, threshold, window });
        }
        if let Some(threshold) = reached(slow, settings.slow_rate) {
            return Some(Rule::SlowRate { slow, calls, threshold, window });
        }
        reached(throttled, settings.throttle_rate).map(|threshold| Rule::ThrottleRate {
            throttled,
            calls,
            threshold,
            window,
        })
    }

    /// What the probes so far make due. `since` is when the last lease ended, if that is what decided.
    fn probes_say(&self, since: Option<Nanos>) -> Option<Due> {
        let Phase::HalfOpen { round, .. } = &self.phase else { return None };
        match round.verdict(&self.settings) {
            Verdict::Undecided => None,
            Verdict::Close => Some(Due::Close),
            Verdict::Reopen => {
                let rule = Rule::Probes { failed: round.bad(), probes: self.settings.probes };
                Some(Due::Open { rule, since })
            }
        }
    }

    /// Time never goes backwards.
    pub(super) fn tick(&mut self, now: Nanos) -> Nanos {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(crate) const fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::ForcedOpen { .. } => State::ForcedOpen,
            Phase::Disabled => State::Disabled,
        }
    }

    pub(crate) const fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// The epoch, if the circuit is closed; else zero, which is none.
    pub(crate) const fn closed_epoch(&self) -> u64 {
        if let Phase::Closed { .. } = self.phase { self.epoch } else { BLIND }
    }

    /// `passed` are the calls that were let in without being asked.
    pub(crate) fn stats(&mut self, now: Nanos, passed: u64) -> Stats {
        let now = self.tick(now);
        let window = match &self.phase {
            Phase::HalfOpen { round, .. } => round.settled(),
            _ if self.settings.window.streak().is_some() => {
                Tally { total: self.streak, failed: self.streak, ..Tally::default() }
            }
            _ => self.memory.tally(now),
        };
        Stats { window: window.into(), admitted: self.stats.admitted + passed, ..self.stats }
    }
}
