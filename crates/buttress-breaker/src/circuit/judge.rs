//! The rules by which the circuit opens, and what its probes make due.

use buttress_error::TripReason;

use crate::circuit::change::Due;
use crate::circuit::round::Verdict;
use crate::circuit::rule::{Part, Proof};
use crate::circuit::settings::{Check, RateCheck};
use crate::circuit::time::Nanos;
use crate::circuit::window::Tally;
use crate::circuit::{Circuit, Phase};

impl Circuit {
    /// The rule by which the closed circuit has to open now.
    pub(super) fn broken_rule(&mut self, now: Nanos) -> Option<TripReason> {
        if !matches!(self.phase, Phase::Closed { .. }) {
            return None;
        }
        let Self { settings, memories, recent_failures, in_flight, streak, .. } = self;
        settings.checks.iter().find_map(|check| match *check {
            Check::Rate(check) => {
                let tally = memories[check.window].tally(now);
                if tally.total >= check.minimum { check.broken(&tally) } else { None }
            }
            Check::Streak(limit) => (*streak >= limit).then_some(TripReason::Streak { failures: *streak }),
            Check::FailuresWithin { failures, time, number } => {
                let broken = recent_failures[number].is_broken(now);
                broken.then_some(TripReason::FailuresWithin { failures, window: time })
            }
            Check::Stuck { calls, age, number } => {
                let broken = in_flight.count(number, now, calls) >= calls;
                broken.then(|| TripReason::Stuck { calls: in_flight.count(number, now, u32::MAX), age })
            }
        })
    }

    /// Has the closed circuit to open for its calls in flight alone?
    pub(super) fn stuck(&mut self, now: Nanos) -> Option<Due> {
        let Self { settings, in_flight, .. } = self;
        settings.checks.iter().find_map(|check| match *check {
            Check::Stuck { calls, age, number } => {
                let broken = in_flight.count(number, now, calls) >= calls;
                broken.then(|| {
                    let calls = in_flight.count(number, now, u32::MAX);
                    Due::Open { rule: TripReason::Stuck { calls, age }, since: None }
                })
            }
            _ => None,
        })
    }

    /// Could a success break a rule? Only by making up the minimum of calls, or after a window has moved on.
    pub(super) fn fears_success(&self) -> bool {
        self.memories.iter().any(|memory| memory.turns_at() <= self.latest)
            || self.settings.checks.iter().any(|check| match *check {
                Check::Rate(check) => {
                    let tally = self.memories[check.window].latest_tally();
                    check.broken(&Tally { total: tally.total.max(check.minimum), ..tally }).is_some()
                }
                Check::Streak(_) => false,
                // Only after it got other numbers.
                Check::FailuresWithin { number, .. } => self.recent_failures[number].is_broken(self.latest),
                Check::Stuck { .. } => true,
            })
    }

    /// What the probes so far make due. `since` is when the last lease ended, if that is what decided.
    pub(super) fn probes_say(&self, since: Option<Nanos>) -> Option<Due> {
        let Phase::HalfOpen { round, .. } = &self.phase else { return None };
        match round.verdict() {
            Verdict::Undecided => None,
            Verdict::Close => Some(Due::Close),
            Verdict::Reopen => Some(Due::Open { rule: round.rule(), since }),
        }
    }
}

impl RateCheck {
    /// The rule, if the calls of this window break it.
    fn broken(&self, tally: &Tally) -> Option<TripReason> {
        let Self { part, threshold, span: window, .. } = *self;
        let Tally { total: calls, failed, slow, throttled } = *tally;
        let count = match part {
            Part::Failed => failed,
            Part::Slow => slow,
            Part::Throttled => throttled,
        };
        let broken = match self.proof {
            Proof::Plain => threshold.is_reached(count, calls),
            // Of a small count window even all calls may exceed no threshold by enough: no more evidence is to be had.
            Proof::Evidence => {
                threshold.is_exceeded(count, calls) || count == calls && self.capacity == Some(calls)
            }
        };
        let threshold = threshold.rate();
        broken.then_some(match part {
            Part::Failed => TripReason::Rate { failed, calls, threshold, window },
            Part::Slow => TripReason::SlowRate { slow, calls, threshold, window },
            Part::Throttled => TripReason::ThrottleRate { throttled, calls, threshold, window },
        })
    }
}
