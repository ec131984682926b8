//! The criteria: what a client has to do for a server in trouble.

use std::time::Duration;

use buttress::breaker::State;

use crate::call_records::{Counts, Ending};
use crate::results::Results;
use crate::schedule::Condition;

/// Attempts by request, at most, in each phase with a fault.
pub const AMPLIFICATION: f64 = 1.3;

/// A criterion, met or not, with its figures.
#[derive(Debug, PartialEq)]
pub struct Criterion {
    pub met: bool,
    pub text: String,
}

/// The server in trouble gets at most so many attempts for each request.
pub fn amplification(results: &Results) -> Criterion {
    let calls = results.stack.calls();
    let phases = results.schedule.script().iter().enumerate();
    let worst = phases
        .filter(|(_, phase)| phase.condition != Condition::Healthy)
        .map(|(number, phase)| {
            let counts = Counts::of(calls.iter().filter(|call| call.phase == number));
            (counts.amplification(), phase.name)
        })
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let (amplification, name) = worst.unwrap_or_default();
    Criterion {
        met: amplification <= AMPLIFICATION,
        text: format!(
            "at most {AMPLIFICATION} attempts a request during faults: {amplification:.2} (worst: {name})"
        ),
    }
}

/// After the last fault, the circuit closes within one `cycle`: its longest wait, and the time a probe may
/// take. `None` if the conditions are unknown.
pub fn recovery(results: &Results, cycle: Duration) -> Option<Criterion> {
    let cleared = results.schedule.cleared()?;
    let criterion = |met, figures: String| Criterion {
        met,
        text: format!("recovered within {:.1} s: {figures}", cycle.as_secs_f64()),
    };
    if results.circuit.at(cleared) == State::Closed {
        return Some(criterion(false, "the circuit had not even opened".into()));
    }
    let closed = || {
        Some(results.circuit.entries().iter().find(|entry| entry.0 >= cleared && entry.1 == State::Closed)?.0)
    };
    let served = || {
        let calls = results.stack.calls();
        calls
            .iter()
            .filter(|call| call.ended >= cleared && call.ending == Ending::Served)
            .map(|call| call.ended)
            .min()
    };
    let Some((closed, served)) = closed().zip(served()) else {
        return Some(criterion(false, "never".into()));
    };
    if results.circuit.at(Duration::MAX) != State::Closed {
        return Some(criterion(false, "not for long".into()));
    }
    let took = closed.max(served) - cleared;
    Some(criterion(took <= cycle, format!("{:.2} s after the fault", took.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call_records::tests::call;
    use crate::schedule::{SCRIPT, Schedule, THEIRS};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A results whose last fault ends at 11.5 s, with some changes of the circuit.
    fn results(changes: &[(u64, State)]) -> Results {
        let results = Results::new(Arc::new(Schedule::new(SCRIPT)));
        for (at, state) in changes {
            results.circuit.enter(ms(*at), *state);
        }
        results.stack.add(call(7, 11_810, 1, Ending::Served));
        results
    }

    #[test]
    fn the_worst_spell_counts() {
        let results = results(&[]);
        assert!(amplification(&results).met);
        (0..10).for_each(|_| results.stack.add(call(1, 2000, 1, Ending::Served)));
        (0..3).for_each(|_| results.stack.add(call(1, 2000, 2, Ending::Served)));
        assert!(amplification(&results).met, "16 of 13");
        results.stack.add(call(5, 9000, 4, Ending::Served));
        let criterion = amplification(&results);
        assert!(!criterion.met && criterion.text.ends_with("4.00 (worst: hanging)"), "{criterion:?}");
    }

    #[test]
    fn a_healthy_phase_is_not_judged() {
        let results = results(&[]);
        results.stack.add(call(0, 100, 4, Ending::Served));
        assert!(amplification(&results).met);
    }

    #[test]
    fn recovery_is_timed_from_the_clearing() {
        use State::{Closed, HalfOpen, Open};
        for (changes, met, said) in [
            (&[(11_400, Open), (11_800, HalfOpen), (11_850, Closed)][..], true, "0.35 s after the fault"),
            (&[(11_400, Open), (11_800, HalfOpen), (12_200, Closed)], true, "0.70 s after the fault"),
            (&[(11_400, Open), (11_800, HalfOpen), (12_210, Closed)], false, "0.71 s after the fault"),
            (&[(11_400, Open), (11_800, HalfOpen)], false, "never"),
            (&[(11_400, Open), (11_800, HalfOpen), (11_850, Closed), (12_500, Open)], false, "not for long"),
            (&[(5000, Open), (11_400, HalfOpen), (11_450, Closed)], false, "the circuit had not even opened"),
        ] {
            let criterion = recovery(&results(changes), ms(700)).unwrap();
            assert_eq!((criterion.met, criterion.text), (met, format!("recovered within 0.7 s: {said}")));
        }
    }

    #[test]
    fn unknown_conditions_have_no_recovery() {
        assert_eq!(recovery(&Results::new(Arc::new(Schedule::new(THEIRS))), ms(700)), None);
    }
}
