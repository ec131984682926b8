//! By what the circuit opens, and what its probes make due.

use buttress_error::Rule;

use super::circuit::Phase;
use super::round::Verdict;
use super::{Circuit, Due, Nanos};
use crate::rule::Part;
use crate::settings::Check;
use crate::window::Tally;

impl Circuit {
    /// The rule by which the closed circuit has to open now.
    pub(super) fn broken_rule(&mut self, now: Nanos) -> Option<Rule> {
        if !matches!(self.phase, Phase::Closed { .. }) {
            return None;
        }
        let Self { settings, memories, in_flight, streak, .. } = self;
        settings.checks.iter().find_map(|check| match *check {
            Check::Rate { window, minimum, .. } => {
                let tally = memories[window].tally(now);
                if tally.total >= minimum { broken_rate(check, &tally) } else { None }
            }
            Check::Streak { limit, below } => {
                let wakes = below.is_none_or(|(window, minimum)| memories[window].tally(now).total < minimum);
                (wakes && *streak >= limit).then_some(Rule::Streak { failures: *streak })
            }
            Check::Stuck { calls, age, number } => {
                let broken = in_flight.count(number, now, calls) >= calls;
                broken.then(|| Rule::Stuck { calls: in_flight.count(number, now, u32::MAX), age })
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
                    Due::Open { rule: Rule::Stuck { calls, age }, since: None }
                })
            }
            _ => None,
        })
    }

    /// Could a success break a rule? Only by making up the minimum of calls, or after a window has moved on.
    pub(super) fn fears_success(&self) -> bool {
        self.memories.iter().any(|memory| memory.turns_at() <= self.latest)
            || self.settings.checks.iter().any(|check| match *check {
                Check::Rate { window, minimum, .. } => {
                    let tally = self.memories[window].latest_tally();
                    broken_rate(check, &Tally { total: tally.total.max(minimum), ..tally }).is_some()
                }
                Check::Streak { .. } => false,
                Check::Stuck { .. } => true,
            })
    }

    /// What the probes so far make due. `since` is when the last lease ended, if that is what decided.
    pub(super) fn probes_say(&self, since: Option<Nanos>) -> Option<Due> {
        let Phase::HalfOpen { round, .. } = &self.phase else { return None };
        match round.verdict() {
            Verdict::Undecided => None,
            Verdict::Close => Some(Due::Close),
            Verdict::Reopen => {
                let rule = Rule::Probes { failed: round.bad(), probes: round.probes() };
                Some(Due::Open { rule, since })
            }
        }
    }
}

/// The rule, if this rate has reached its threshold.
fn broken_rate(check: &Check, tally: &Tally) -> Option<Rule> {
    let Check::Rate { part, threshold, span: window, .. } = *check else { return None };
    let calls = tally.total;
    let count = match part {
        Part::Failed => tally.failed,
        Part::Slow => tally.slow,
        Part::Throttled => tally.throttled,
    };
    // Most calls find nothing to divide.
    (count > 0 && f64::from(count) / f64::from(calls) >= threshold).then_some(match part {
        Part::Failed => Rule::Rate { failed: count, calls, threshold, window },
        Part::Slow => Rule::SlowRate { slow: count, calls, threshold, window },
        Part::Throttled => Rule::ThrottleRate { throttled: count, calls, threshold, window },
    })
}
