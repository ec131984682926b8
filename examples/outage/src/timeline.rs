//! The timeline: a row for each phase, a character for each tenth of a second.

use std::io::{self, Write};
use std::iter::once;
use std::sync::Arc;
use std::time::Duration;

use buttress::breaker::State;
use tokio::time::interval;

use crate::call_records::{CallRecords, Ending};
use crate::results::Results;

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
    line("condition", ["buttress", "naive", "breaker"])
}

/// The row of phase `number`, as far as it has come at this age.
fn row(results: &Results, number: usize, age: Duration) -> String {
    let phase = results.schedule.script()[number];
    let end = results.schedule.end(number);
    let steps = || {
        let begin = end - phase.lasts;
        let steps = (phase.lasts.as_millis() / STEP.as_millis()) as u32;
        (0..steps).map(move |step| begin + STEP * step).take_while(move |begin| *begin < age)
    };
    let lane = |records: &CallRecords| steps().map(|begin| calls(records, begin)).collect::<String>();
    let breaker: String = steps().map(|begin| circuit(results, begin)).collect();
    line(phase.name, [&lane(&results.stack), &lane(&results.naive), &breaker])
}

fn line(name: &str, [stack, naive, breaker]: [&str; 3]) -> String {
    format!("{name:<10}{stack:<22}{naive:<22}{breaker}")
}

fn calls(records: &CallRecords, begin: Duration) -> char {
    let calls = records.calls();
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

fn circuit(results: &Results, begin: Duration) -> char {
    let history = &results.circuit;
    match history.at(begin + STEP) {
        _ if history.visited(State::HalfOpen, begin, begin + STEP) => 'h',
        State::Closed => '_',
        State::HalfOpen => 'h',
        _ => 'O',
    }
}

/// All rows.
pub fn whole(results: &Results) -> String {
    let rows = (0..results.schedule.script().len()).map(|number| row(results, number, Duration::MAX));
    once(head()).chain(rows).map(|row| row + "\n").collect()
}

/// What [`draw`] has left to draw when the run is over.
pub fn last(results: &Results) -> String {
    format!("{CLEAR}{}\n", row(results, results.schedule.now(), Duration::MAX))
}

/// Draws the rows on a terminal while they grow. The cursor waits at the beginning of the row, so that a line of the
/// log takes its place.
pub async fn draw(results: Arc<Results>) {
    let mut text = format!("{}\n", head());
    let mut ticks = interval(STEP);
    let mut drawn = 0;
    loop {
        ticks.tick().await;
        let age = results.schedule.age();
        let now = results.schedule.phase(age);
        for number in drawn..now {
            text += &format!("{CLEAR}{}\n", row(&results, number, age));
        }
        drawn = now;
        text += &format!("{CLEAR}{}\r", row(&results, drawn, age));
        let mut out = io::stdout();
        // A terminal that went away.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call_records::tests::call;
    use crate::schedule::{SCRIPT, Schedule};

    #[test]
    fn a_row_grows_with_time() {
        let results = Results::new(Arc::new(Schedule::new(SCRIPT)));
        let failed = || Ending::Failed("timeout".into());
        for (ended, stack, naive) in [
            (10, Ending::Served, Ending::Served),
            (20, Ending::Served, failed()),
            (150, Ending::Refused("circuit_open"), failed()),
            (160, Ending::Refused("circuit_open"), failed()),
            (410, Ending::Served, Ending::Served),
        ] {
            results.stack.add(call(0, ended, 1, stack));
            results.naive.add(call(0, ended, 1, naive));
        }
        results.circuit.enter(Duration::from_millis(120), State::Open);
        results.circuit.enter(Duration::from_millis(310), State::HalfOpen);
        results.circuit.enter(Duration::from_millis(330), State::Closed);
        let at = |millis| row(&results, 0, Duration::from_millis(millis));
        assert_eq!(at(0), line("healthy", [""; 3]));
        assert_eq!(at(200), line("healthy", ["█·", "▄×", "_O"]));
        assert_eq!(at(450), line("healthy", ["█·  █", "▄×  █", "_OOh_"]));
        assert_eq!(row(&results, 1, Duration::from_millis(450)), line("30 % 503", [""; 3]));
    }
}
