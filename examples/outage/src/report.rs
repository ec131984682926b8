//! The report: the tables at the end.

use std::collections::BTreeSet;
use std::time::Duration;

use buttress::breaker::State;

use crate::call_records::{Call, Counts, Ending, endings, percentile};
use crate::circuit_history::CircuitHistory;
use crate::criteria::Criterion;
use crate::results::Results;
use crate::schedule::Condition;
use crate::table::Table;
use crate::verdict::verdict;

const LEGEND: &str = "\
amplification: attempts by request, what an outage costs the server
stopped by: why there was no further attempt; budget: too many retries already
";

/// `hits` are the requests of each client that have come to the server, where it is ours.
pub fn text(results: &Results, hits: Option<[u64; 2]>, criteria: &[Criterion]) -> String {
    let parts = [
        totals(results, hits),
        phases(results),
        circuit(results),
        added(results),
        list(criteria),
        verdict(results),
    ];
    parts.join("\n")
}

fn totals(results: &Results, hits: Option<[u64; 2]>) -> String {
    let (stack, naive) = (results.stack.calls().clone(), results.naive.calls().clone());
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

fn phases(results: &Results) -> String {
    let (stack, naive) = (results.stack.calls(), results.naive.calls());
    let mut table =
        Table::new(["by phase", "requests", "attempts", "×", "served", "naive: attempts", "×", "served"]);
    for (number, phase) in results.schedule.script().iter().enumerate() {
        let of = |calls: &[Call]| Counts::of(calls.iter().filter(|call| call.phase == number));
        let (stack, naive) = (of(&stack), of(&naive));
        table.row([
            phase.name.to_owned(),
            stack.requests.to_string(),
            stack.attempts.to_string(),
            times(stack),
            stack.served.to_string(),
            naive.attempts.to_string(),
            times(naive),
            naive.served.to_string(),
        ]);
    }
    let ours = results.schedule.script().iter().all(|phase| phase.condition != Condition::Theirs);
    table.text() + if ours { OVERLOAD } else { "" }
}

/// Why a client may get nothing from a healthy server.
const OVERLOAD: &str = "\
×: amplification. A server that gets more than it can handle refuses with 503,
in every phase (see --help)
";

/// A line for each time that the circuit opened.
fn circuit(results: &Results) -> String {
    let entries = results.circuit.entries();
    let mut text = String::from("breaker");
    for (at, state) in &*entries {
        text += if *state == State::Open { "\n  " } else { " → " };
        text += &format!("{:.2} s {}", at.as_secs_f64(), state.as_str().replace('_', "-"));
    }
    if entries.is_empty() {
        text += "\n  closed all the time";
    }
    drop(entries);
    text + "\n" + &noticed(results)
}

/// The delay from the begin of each bad phase to the opening of the circuit, and of the circuit with a plain failure rate.
fn noticed(results: &Results) -> String {
    let mut text = String::new();
    for (number, phase) in results.schedule.script().iter().enumerate() {
        let Some(own) = delay(results, &results.circuit, number) else { continue };
        text += &format!("  {} noticed after {:.2} s", phase.name, own.as_secs_f64());
        if let Some(rate) = delay(results, &results.rate_circuit, number) {
            text += &format!(" (with a plain rate of 50 %: {:.2} s)", rate.as_secs_f64());
        }
        text += "\n";
    }
    text
}

/// The delay from the begin of phase `number` to the opening of the circuit; none if the phase is a good one, did not
/// open the circuit, or did not find it closed.
fn delay(results: &Results, circuit: &CircuitHistory, number: usize) -> Option<Duration> {
    let phase = results.schedule.script()[number];
    let end = results.schedule.end(number);
    let begin = end - phase.lasts;
    if !phase.condition.is_bad() || circuit.at(begin) != State::Closed {
        return None;
    }
    let opened = |(at, state): &&(Duration, State)| *state == State::Open && (begin..end).contains(at);
    circuit.entries().iter().find(opened).map(|(at, _)| *at - begin)
}

/// What the stack costs while all is well: the whole call, less the time in which reqwest was at work.
fn added(results: &Results) -> String {
    let healthy = |phase: usize| !results.schedule.script()[phase].condition.is_bad();
    let calls = results.stack.calls();
    let plain = || {
        calls
            .iter()
            .filter(|call| healthy(call.phase) && call.attempts.made == 1 && call.ending == Ending::Served)
    };
    let added: Vec<Duration> = plain().map(|call| call.took.saturating_sub(call.attempts.time)).collect();
    let bare: Vec<Duration> = plain().map(|call| call.attempts.time).collect();
    let of = match results.schedule.condition() {
        Condition::Theirs => "calls served at the first attempt",
        _ => "calls served at the first attempt in healthy phases",
    };
    let mut table = Table::new(["latency", "p50", "p99"]);
    for (name, times) in [("bare call", &bare), ("added by the stack", &added)] {
        let part = |part| millis(percentile(times.clone(), part));
        table.row([name.to_owned(), part(0.5), part(0.99)]);
    }
    format!("{}({} {of})\n", table.text(), added.len())
}

fn list(criteria: &[Criterion]) -> String {
    let mut text = String::from("criteria\n");
    for Criterion { met, text: criterion } in criteria {
        text += &format!("  {} {criterion}\n", if *met { "met   " } else { "MISSED" });
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
    use crate::call_records::tests::call;
    use crate::schedule::{SCRIPT, Schedule};
    use crate::{args, timeline};

    #[test]
    fn it_says_how_soon_trouble_was_noticed() {
        let results = Results::new(Arc::new(Schedule::new(SCRIPT)));
        let enter =
            |circuit: &CircuitHistory, millis, state| circuit.enter(Duration::from_millis(millis), state);
        enter(&results.circuit, 3250, State::Open);
        enter(&results.circuit, 4500, State::Closed);
        enter(&results.circuit, 8400, State::Open);
        enter(&results.circuit, 10_200, State::Open);
        enter(&results.rate_circuit, 9600, State::Open);
        // The last phase begins with an open circuit, and the first bad one passes unnoticed.
        assert_eq!(
            noticed(&results),
            "  429 noticed after 0.25 s\n  hanging noticed after 0.40 s (with a plain rate of 50 %: 1.60 s)\n"
        );
    }

    #[test]
    fn it_fits_into_80_columns() {
        let results = Results::new(Arc::new(Schedule::new(SCRIPT)));
        for phase in 0..SCRIPT.len() {
            for _ in 0..1000 {
                let ending = Ending::Failed("attempt_timeout (stopped by: not_replayable)".into());
                results.stack.add(call(phase, 10, 4, ending));
                results.naive.add(call(phase, 10, 4, Ending::Served));
            }
        }
        results.circuit.enter(Duration::from_secs(9), State::Open);
        results.rate_circuit.enter(Duration::from_secs(9), State::Open);
        let criteria = [crate::criteria::amplification(&results)];
        let report = text(&results, Some([100_000; 2]), &criteria);
        for line in [&report, args::HELP, timeline::LEGEND, &timeline::whole(&results)]
            .map(str::lines)
            .into_iter()
            .flatten()
        {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
