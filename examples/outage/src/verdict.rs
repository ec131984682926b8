//! The verdict: what the stack was worth, and its price, in a sentence of figures.

use std::time::Duration;

use crate::call_records::{Call, Counts, Ending, percentile};
use crate::results::Results;
use crate::schedule::Condition;

/// For the end of the report.
pub fn verdict(results: &Results) -> String {
    let (stack, naive) = (results.stack.calls(), results.naive.calls());
    let (of_stack, of_naive) = (Counts::of(&*stack), Counts::of(&*naive));
    let wait = |calls: &[Call]| {
        percentile(calls.iter().map(|call| call.took).collect(), 0.99).map_or("-".to_owned(), brief)
    };
    let mut gains = vec![
        format!("{} attempts instead of {}", of_stack.attempts, of_naive.attempts),
        format!("a caller's wait p99 {} instead of {}", wait(&stack), wait(&naive)),
    ];
    let mut price = Vec::new();
    match of_stack.served.checked_sub(of_naive.served) {
        Some(0) => gains.push(format!("{} served by both", of_stack.served)),
        Some(more) => gains.push(format!("{more} more served")),
        None => price.push(format!("{} fewer served", of_naive.served - of_stack.served)),
    }
    price.push(refused(results, &stack));
    format!("verdict\n  {},\n  {};\n  price: {}\n", gains[0], gains[1..].join(", "), price.join(", "))
}

/// What was refused although the server, as far as we know, would have answered.
fn refused(results: &Results, calls: &[Call]) -> String {
    let script = results.schedule.script();
    let ours = script.iter().all(|phase| phase.condition != Condition::Theirs);
    let refused = calls.iter().filter(|call| matches!(call.ending, Ending::Refused(_)));
    let needless = refused.filter(|call| !script[call.phase].condition.is_bad()).count();
    format!("{needless} refused{}", if ours { " while the server was healthy" } else { "" })
}

/// In seconds from a tenth on, else in milliseconds.
fn brief(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 0.1 => format!("{seconds:.1} s"),
        seconds => format!("{:.0} ms", seconds * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call_records::tests::call;
    use crate::schedule::{SCRIPT, Schedule};

    #[test]
    fn gain_and_price_in_figures() {
        let results = Results::new(Arc::new(Schedule::new(SCRIPT)));
        results.stack.add(call(0, 10, 1, Ending::Served));
        results.stack.add(call(2, 3100, 0, Ending::Refused("circuit_open")));
        results.stack.add(call(3, 4100, 0, Ending::Refused("circuit_open")));
        results.naive.add(call(0, 10, 1, Ending::Served));
        results.naive.add(call(2, 3100, 4, Ending::Failed("503".into())));
        let begin = "verdict\n  1 attempts instead of 5,\n  a caller's wait p99 3 ms instead of 3 ms, ";
        let price = "1 refused while the server was healthy\n";
        assert_eq!(verdict(&results), format!("{begin}1 served by both;\n  price: {price}"));
        results.stack.add(call(7, 12_500, 0, Ending::Served));
        assert_eq!(verdict(&results), format!("{begin}1 more served;\n  price: {price}"));
        for _ in 0..3 {
            results.naive.add(call(7, 12_500, 0, Ending::Served));
        }
        let begin = begin.trim_end_matches(", ");
        assert_eq!(verdict(&results), format!("{begin};\n  price: 2 fewer served, {price}"));
    }

    #[test]
    fn times_are_brief() {
        for (millis, text) in [(700, "0.7 s"), (99, "99 ms"), (100, "0.1 s"), (3, "3 ms")] {
            assert_eq!(brief(Duration::from_millis(millis)), text);
        }
    }
}
