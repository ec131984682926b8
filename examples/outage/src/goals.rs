//! The goals: what a client has to do for a server in trouble.

use std::time::Duration;

use buttress::breaker::State;

use crate::board::Board;
use crate::tally::{Counts, Ending};
use crate::weather::Weather;

/// Attempts by request, at most, in each spell of bad weather.
pub const AMPLIFICATION: f64 = 1.3;

/// A goal, met or not, with its figures.
#[derive(Debug, PartialEq)]
pub struct Goal {
    pub met: bool,
    pub text: String,
}

/// The server in trouble gets at most so many attempts for each request.
pub fn amplification(board: &Board) -> Goal {
    let calls = board.stack.calls();
    let spells = board.sky.script().iter().enumerate();
    let worst = spells
        .filter(|(_, spell)| spell.weather != Weather::Healthy)
        .map(|(number, spell)| {
            let counts = Counts::of(calls.iter().filter(|call| call.spell == number));
            (counts.amplification(), spell.name)
        })
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let (amplification, name) = worst.unwrap_or_default();
    Goal {
        met: amplification <= AMPLIFICATION,
        text: format!(
            "at most {AMPLIFICATION} attempts a request in bad weather: {amplification:.2} (worst: {name})"
        ),
    }
}

/// Once the weather is fine again, the circuit closes within one `cycle`: its longest wait, and the time a probe may
/// take. None where the weather isn't ours to know.
pub fn recovery(board: &Board, cycle: Duration) -> Option<Goal> {
    let cleared = board.sky.cleared()?;
    let goal = |met, figures: String| Goal {
        met,
        text: format!("recovered within {:.1} s: {figures}", cycle.as_secs_f64()),
    };
    if board.circuit.at(cleared) == State::Closed {
        return Some(goal(false, "the circuit had not even opened".into()));
    }
    let closed = || {
        Some(board.circuit.entries().iter().find(|entry| entry.0 >= cleared && entry.1 == State::Closed)?.0)
    };
    let served = || {
        let calls = board.stack.calls();
        calls
            .iter()
            .filter(|call| call.ended >= cleared && call.ending == Ending::Served)
            .map(|call| call.ended)
            .min()
    };
    let Some((closed, served)) = closed().zip(served()) else {
        return Some(goal(false, "never".into()));
    };
    if board.circuit.at(Duration::MAX) != State::Closed {
        return Some(goal(false, "not for long".into()));
    }
    let took = closed.max(served) - cleared;
    Some(goal(took <= cycle, format!("{:.2} s after the weather", took.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tally::tests::call;
    use crate::weather::{SCRIPT, Sky, THEIRS};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A board whose weather clears at 11.5 s, with some changes of the circuit.
    fn board(changes: &[(u64, State)]) -> Board {
        let board = Board::new(Arc::new(Sky::new(SCRIPT)));
        for (at, state) in changes {
            board.circuit.enter(ms(*at), *state);
        }
        board.stack.add(call(7, 11_810, 1, Ending::Served));
        board
    }

    #[test]
    fn the_worst_spell_counts() {
        let board = board(&[]);
        assert!(amplification(&board).met);
        (0..10).for_each(|_| board.stack.add(call(1, 2000, 1, Ending::Served)));
        (0..3).for_each(|_| board.stack.add(call(1, 2000, 2, Ending::Served)));
        assert!(amplification(&board).met, "16 of 13");
        board.stack.add(call(5, 9000, 4, Ending::Served));
        let goal = amplification(&board);
        assert!(!goal.met && goal.text.ends_with("4.00 (worst: hanging)"), "{goal:?}");
    }

    #[test]
    fn healthy_weather_is_not_judged() {
        let board = board(&[]);
        board.stack.add(call(0, 100, 4, Ending::Served));
        assert!(amplification(&board).met);
    }

    #[test]
    fn recovery_is_timed_from_the_clearing() {
        use State::{Closed, HalfOpen, Open};
        for (changes, met, said) in [
            (&[(11_400, Open), (11_800, HalfOpen), (11_850, Closed)][..], true, "0.35 s after the weather"),
            (&[(11_400, Open), (11_800, HalfOpen), (12_200, Closed)], true, "0.70 s after the weather"),
            (&[(11_400, Open), (11_800, HalfOpen), (12_210, Closed)], false, "0.71 s after the weather"),
            (&[(11_400, Open), (11_800, HalfOpen)], false, "never"),
            (&[(11_400, Open), (11_800, HalfOpen), (11_850, Closed), (12_500, Open)], false, "not for long"),
            (&[(5000, Open), (11_400, HalfOpen), (11_450, Closed)], false, "the circuit had not even opened"),
        ] {
            let goal = recovery(&board(changes), ms(700)).unwrap();
            assert_eq!((goal.met, goal.text), (met, format!("recovered within 0.7 s: {said}")));
        }
    }

    #[test]
    fn nobody_recovers_from_unknown_weather() {
        assert_eq!(recovery(&Board::new(Arc::new(Sky::new(THEIRS))), ms(700)), None);
    }
}
