//! The timeline: a row for each spell, a character for each tenth of a second.

use std::io::{self, Write};
use std::iter::once;
use std::sync::Arc;
use std::time::Duration;

use buttress::breaker::State;
use tokio::time::interval;

use crate::board::Board;
use crate::tally::{Ending, Tally};

const STEP: Duration = Duration::from_millis(100);

pub const LEGEND: &str = "\
calls that ended:  █ served   ▄ some of them   × failed
                   · refused, nothing sent   (blank) all still waiting
breaker:           _ closed   O open   h half-open
";

/// Clears the line that the cursor is on.
const CLEAR: &str = "\r\x1b[K";

/// The line above the rows.
fn head() -> String {
    line("weather", ["buttress", "naive", "breaker"])
}

/// The row of spell `number`, as far as it has come at this age.
fn row(board: &Board, number: usize, age: Duration) -> String {
    let spell = board.sky.script()[number];
    let end = board.sky.end(number);
    let steps = || {
        let begin = end - spell.lasts;
        let steps = (spell.lasts.as_millis() / STEP.as_millis()) as u32;
        (0..steps).map(move |step| begin + STEP * step).take_while(move |begin| *begin < age)
    };
    let lane = |tally: &Tally| steps().map(|begin| calls(tally, begin)).collect::<String>();
    let breaker: String = steps().map(|begin| circuit(board, begin)).collect();
    line(spell.name, [&lane(&board.stack), &lane(&board.naive), &breaker])
}

fn line(name: &str, [stack, naive, breaker]: [&str; 3]) -> String {
    format!("{name:<10}{stack:<22}{naive:<22}{breaker}")
}

fn calls(tally: &Tally, begin: Duration) -> char {
    let calls = tally.calls();
    let ended = || calls.iter().filter(|call| begin <= call.ended && call.ended < begin + STEP);
    let all = ended().count();
    let served = ended().filter(|call| call.ending == Ending::Served).count();
    let refused = ended().filter(|call| matches!(call.ending, Ending::Refused(_))).count();
    match (all, served) {
        (0, _) => ' ',
        (all, served) if all == served => '█',
        (_, 1..) => '▄',
        _ if refused * 2 >= all => '·',
        _ => '×',
    }
}

fn circuit(board: &Board, begin: Duration) -> char {
    let journal = &board.circuit;
    match journal.at(begin + STEP) {
        _ if journal.visited(State::HalfOpen, begin, begin + STEP) => 'h',
        State::Closed => '_',
        State::HalfOpen => 'h',
        _ => 'O',
    }
}

/// All rows.
pub fn whole(board: &Board) -> String {
    let rows = (0..board.sky.script().len()).map(|number| row(board, number, Duration::MAX));
    once(head()).chain(rows).map(|row| row + "\n").collect()
}

/// What [`draw`] has left to draw when the run is over.
pub fn last(board: &Board) -> String {
    format!("{CLEAR}{}\n", row(board, board.sky.now(), Duration::MAX))
}

/// Draws the rows on a terminal while they grow. The cursor waits at the beginning of the row, so that a line of the
/// log takes its place.
pub async fn draw(board: Arc<Board>) {
    let mut text = format!("{}\n", head());
    let mut ticks = interval(STEP);
    let mut drawn = 0;
    loop {
        ticks.tick().await;
        let age = board.sky.age();
        let now = board.sky.spell(age);
        for number in drawn..now {
            text += &format!("{CLEAR}{}\n", row(&board, number, age));
        }
        drawn = now;
        text += &format!("{CLEAR}{}\r", row(&board, drawn, age));
        let mut out = io::stdout();
        // A terminal that went away.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::tests::call;
    use crate::weather::{SCRIPT, Sky};

    #[test]
    fn a_row_grows_with_time() {
        let board = Board::new(Arc::new(Sky::new(SCRIPT)));
        let failed = || Ending::Failed("timeout".into());
        for (ended, stack, naive) in [
            (10, Ending::Served, Ending::Served),
            (20, Ending::Served, failed()),
            (150, Ending::Refused("circuit_open"), failed()),
            (160, Ending::Refused("circuit_open"), failed()),
            (410, Ending::Served, Ending::Served),
        ] {
            board.stack.add(call(0, ended, 1, stack));
            board.naive.add(call(0, ended, 1, naive));
        }
        board.circuit.enter(Duration::from_millis(120), State::Open);
        board.circuit.enter(Duration::from_millis(310), State::HalfOpen);
        board.circuit.enter(Duration::from_millis(330), State::Closed);
        let at = |millis| row(&board, 0, Duration::from_millis(millis));
        assert_eq!(at(0), line("healthy", [""; 3]));
        assert_eq!(at(200), line("healthy", ["█·", "▄×", "_O"]));
        assert_eq!(at(450), line("healthy", ["█·  █", "▄×  █", "_OOh_"]));
        assert_eq!(row(&board, 1, Duration::from_millis(450)), line("30 % 503", [""; 3]));
    }
}
