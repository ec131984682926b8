//! The report: the tables at the end.

use std::collections::BTreeSet;
use std::time::Duration;

use buttress::breaker::State;

use crate::board::Board;
use crate::goals::Goal;
use crate::journal::Journal;
use crate::table::Table;
use crate::tally::{Call, Counts, Ending, endings, percentile};
use crate::verdict::verdict;
use crate::weather::Weather;

const LEGEND: &str = "\
amplification: attempts by request, what an outage costs the server
stopped by: why there was no further attempt; budget: too many retries already
";

/// `hits` are the requests of each client that have come to the server, where it is ours.
pub fn text(board: &Board, hits: Option<[u64; 2]>, goals: &[Goal]) -> String {
    let parts =
        [totals(board, hits), spells(board), circuit(board), added(board), list(goals), verdict(board)];
    parts.join("\n")
}

fn totals(board: &Board, hits: Option<[u64; 2]>) -> String {
    let (stack, naive) = (board.stack.calls().clone(), board.naive.calls().clone());
    let (of_stack, of_naive) = (Counts::of(&stack), Counts::of(&naive));
    let mut table = Table::new(["in all", "buttress", "naive"]);
    let mut row = |name: &str, stack: String, naive: String| table.row([name.to_owned(), stack, naive]);
    row("requests", of_stack.requests.to_string(), of_naive.requests.to_string());
    row("attempts", of_stack.attempts.to_string(), of_naive.attempts.to_string());
    if let Some([stack, naive]) = hits {
        row("  that came to the server", stack.to_string(), naive.to_string());
    }
    row("amplification", times(of_stack), times(of_naive));
    row("served", of_stack.served.to_string(), of_naive.served.to_string());
    let (stack_ended, naive_ended) = (endings(&stack), endings(&naive));
    let kinds: BTreeSet<&Ending> = stack_ended.keys().chain(naive_ended.keys()).collect();
    for ending in kinds {
        let name = match ending {
            Ending::Served => continue,
            Ending::Refused(why) => format!("refused: {why}"),
            Ending::Failed(how) => format!("failed: {how}"),
        };
        let count = |of: Option<&u32>| of.copied().unwrap_or_default().to_string();
        row(&name, count(stack_ended.get(ending)), count(naive_ended.get(ending)));
    }
    for (name, part) in [("a caller's wait, p50", 0.5), ("a caller's wait, p99", 0.99)] {
        let wait = |calls: &[Call]| millis(percentile(calls.iter().map(|call| call.took).collect(), part));
        row(name, wait(&stack), wait(&naive));
    }
    table.text() + LEGEND
}

fn spells(board: &Board) -> String {
    let (stack, naive) = (board.stack.calls(), board.naive.calls());
    let mut table =
        Table::new(["by weather", "requests", "attempts", "×", "served", "naive: attempts", "×", "served"]);
    for (number, spell) in board.sky.script().iter().enumerate() {
        let of = |calls: &[Call]| Counts::of(calls.iter().filter(|call| call.spell == number));
        let (stack, naive) = (of(&stack), of(&naive));
        table.row([
            spell.name.to_owned(),
            stack.requests.to_string(),
            stack.attempts.to_string(),
            times(stack),
            stack.served.to_string(),
            naive.attempts.to_string(),
            times(naive),
            naive.served.to_string(),
        ]);
    }
    let ours = board.sky.script().iter().all(|spell| spell.weather != Weather::Theirs);
    table.text() + if ours { OVERLOAD } else { "" }
}

/// Why a client may get nothing from a healthy server.
const OVERLOAD: &str = "\
×: amplification. A server that gets more than it can handle refuses with 503,
in any weather (see --help)
";

/// A line for each time that the circuit opened.
fn circuit(board: &Board) -> String {
    let entries = board.circuit.entries();
    let mut text = String::from("breaker");
    for (at, state) in &*entries {
        text += if *state == State::Open { "\n  " } else { " → " };
        text += &format!("{:.2} s {}", at.as_secs_f64(), state.as_str().replace('_', "-"));
    }
    if entries.is_empty() {
        text += "\n  closed all the time";
    }
    drop(entries);
    text + "\n" + &noticed(board)
}

/// The delay from the begin of each bad spell to the opening of the circuit, and of the circuit with a plain failure rate.
fn noticed(board: &Board) -> String {
    let mut text = String::new();
    for (number, spell) in board.sky.script().iter().enumerate() {
        let Some(own) = delay(board, &board.circuit, number) else { continue };
        text += &format!("  {} noticed after {:.2} s", spell.name, own.as_secs_f64());
        if let Some(rate) = delay(board, &board.rate_circuit, number) {
            text += &format!(" (with a plain rate of 50 %: {:.2} s)", rate.as_secs_f64());
        }
        text += "\n";
    }
    text
}

/// The delay from the begin of spell `number` to the opening of the circuit; none if the spell is a good one, did not
/// open the circuit, or did not find it closed.
fn delay(board: &Board, circuit: &Journal, number: usize) -> Option<Duration> {
    let spell = board.sky.script()[number];
    let end = board.sky.end(number);
    let begin = end - spell.lasts;
    if !spell.weather.is_bad() || circuit.at(begin) != State::Closed {
        return None;
    }
    let opened = |(at, state): &&(Duration, State)| *state == State::Open && (begin..end).contains(at);
    circuit.entries().iter().find(opened).map(|(at, _)| *at - begin)
}

/// What the stack costs while all is well: the whole call, less the time in which reqwest was at work.
fn added(board: &Board) -> String {
    let healthy = |spell: usize| !board.sky.script()[spell].weather.is_bad();
    let calls = board.stack.calls();
    let plain = || {
        calls
            .iter()
            .filter(|call| healthy(call.spell) && call.attempts.made == 1 && call.ending == Ending::Served)
    };
    let added: Vec<Duration> = plain().map(|call| call.took.saturating_sub(call.attempts.time)).collect();
    let bare: Vec<Duration> = plain().map(|call| call.attempts.time).collect();
    let of = match board.sky.weather() {
        Weather::Theirs => "calls served at the first attempt",
        _ => "calls served at the first attempt in healthy weather",
    };
    let mut table = Table::new(["latency", "p50", "p99"]);
    for (name, times) in [("bare call", &bare), ("added by the stack", &added)] {
        let part = |part| millis(percentile(times.clone(), part));
        table.row([name.to_owned(), part(0.5), part(0.99)]);
    }
    format!("{}({} {of})\n", table.text(), added.len())
}

fn list(goals: &[Goal]) -> String {
    let mut text = String::from("goals\n");
    for Goal { met, text: goal } in goals {
        text += &format!("  {} {goal}\n", if *met { "met   " } else { "MISSED" });
    }
    text
}

fn times(counts: Counts) -> String {
    format!("{:.2}", counts.amplification())
}

fn millis(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), |time| format!("{:.3} ms", time.as_secs_f64() * 1e3))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tally::tests::call;
    use crate::weather::{SCRIPT, Sky};
    use crate::{args, timeline};

    #[test]
    fn it_says_how_soon_trouble_was_noticed() {
        let board = Board::new(Arc::new(Sky::new(SCRIPT)));
        let enter = |circuit: &Journal, millis, state| circuit.enter(Duration::from_millis(millis), state);
        enter(&board.circuit, 3250, State::Open);
        enter(&board.circuit, 4500, State::Closed);
        enter(&board.circuit, 8400, State::Open);
        enter(&board.circuit, 10_200, State::Open);
        enter(&board.rate_circuit, 9600, State::Open);
        // The last spell begins with an open circuit, and the first bad one passes unnoticed.
        assert_eq!(
            noticed(&board),
            "  429 noticed after 0.25 s\n  hanging noticed after 0.40 s (with a plain rate of 50 %: 1.60 s)\n"
        );
    }

    #[test]
    fn it_fits_into_80_columns() {
        let board = Board::new(Arc::new(Sky::new(SCRIPT)));
        for spell in 0..SCRIPT.len() {
            for _ in 0..1000 {
                let ending = Ending::Failed("attempt_timeout (stopped by: not_replayable)".into());
                board.stack.add(call(spell, 10, 4, ending));
                board.naive.add(call(spell, 10, 4, Ending::Served));
            }
        }
        board.circuit.enter(Duration::from_secs(9), State::Open);
        board.rate_circuit.enter(Duration::from_secs(9), State::Open);
        let goals = [crate::goals::amplification(&board)];
        let report = text(&board, Some([100_000; 2]), &goals);
        for line in [&report, args::HELP, timeline::LEGEND, &timeline::whole(&board)]
            .map(str::lines)
            .into_iter()
            .flatten()
        {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
