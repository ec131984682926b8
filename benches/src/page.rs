//! Renders the tables of `docs/benchmarks.md` from the JSON lines of several runs: the median of each figure.
//!
//! The page marks the place of a table with `<!-- table: NAME -->` and `<!-- end -->`; everything else in it is written by
//! hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Deserialize;

use crate::case::{APART, BARE, ERROR_TYPES, OURS, error_type};
use crate::measure::median;
use crate::targets::{self, Figures, Run};

/// A line of `--json`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Case { case: String, subject: String, threads: usize, ns_median: f64, ns_net: Option<f64>, allocs: f64 },
    Size { size: String, subject: String, bytes: usize },
}

/// Reads runs and takes the median of each figure.
///
/// # Errors
/// Names the line that is none of ours.
pub(crate) fn read(runs: &[String]) -> Result<Run, String> {
    let mut values = BTreeMap::<_, Vec<(f64, Option<f64>, f64)>>::new();
    let mut order = Vec::new();
    let mut sizes = Vec::new();
    for line in runs.iter().flat_map(|run| run.lines()) {
        match serde_json::from_str(line).map_err(|error| format!("{error} in: {line}"))? {
            Line::Case { case, subject, threads, ns_median, ns_net, allocs } => {
                let key = (case, subject, threads);
                if !values.contains_key(&key) {
                    order.push(key.clone());
                }
                values.entry(key).or_default().push((ns_median, ns_net, allocs));
            }
            Line::Size { size, subject, bytes } => {
                let line = (size, subject, bytes);
                if !sizes.contains(&line) {
                    sizes.push(line);
                }
            }
        }
    }
    let figures = order.into_iter().map(|key| {
        let of_runs = &values[&key];
        let nets: Vec<_> = of_runs.iter().filter_map(|values| values.1).collect();
        Figures {
            ns: median(of_runs.iter().map(|values| values.0)),
            net: (!nets.is_empty()).then(|| median(nets.into_iter())),
            allocs: median(of_runs.iter().map(|values| values.2)),
            case: key.0,
            subject: key.1,
            threads: key.2,
        }
    });
    Ok(Run { figures: figures.collect(), sizes })
}

/// Returns `page` with its tables rendered from `run`.
///
/// # Errors
/// Names a marker that has no end, or a table that does not exist.
pub(crate) fn render(page: &str, run: &Run) -> Result<String, String> {
    let (start, end) = ("<!-- table: ", "<!-- end -->");
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = rest.find(start) {
        let head = at + start.len();
        let (name, _) = rest[head..]
            .split_once(" -->")
            .ok_or_else(|| format!("a marker without an end: {}", &rest[at..]))?;
        let body = head + name.len() + " -->".len();
        let tail = rest[body..].find(end).ok_or_else(|| format!("no `{end}` after the table {name}"))?;
        out.push_str(&rest[..body]);
        let _ = write!(out, "\n{}", table(name, run)?);
        rest = &rest[body + tail..];
    }
    out.push_str(rest);
    Ok(out)
}

fn table(name: &str, run: &Run) -> Result<String, String> {
    Ok(match name {
        "versions" => versions(run),
        "summary" => summary(run),
        "threads" => threads(run),
        "sizes" => sizes(run),
        _ => {
            let (_, rows) = TABLES
                .iter()
                .find(|(table, _)| *table == name)
                .ok_or_else(|| format!("there is no table {name:?}"))?;
            cases(rows, run)
        }
    })
}

/// What, case, subject.
type Row = (&'static str, &'static str, &'static str);

const TABLES: [(&str, &[Row]); 7] = [
    (
        "layers",
        &[
            ("retry, no budget", "retry/no-budget", OURS),
            ("retry, token budget", "retry/token-budget", OURS),
            ("retry, ratio budget (the default)", "retry/ratio-budget", OURS),
            ("retry, one failed attempt without a wait", "retry/one-failure", OURS),
            ("retry function", "retry/function", OURS),
            ("retry function, ratio budget", "retry/function", "buttress/ratio-budget"),
            ("retry function, one failed attempt", "retry/function-one-failure", OURS),
            ("retry of a reqwest request", "retry/reqwest", OURS),
            ("breaker, failures in a row", "breaker/consecutive", OURS),
            ("breaker, last 10 calls", "breaker/count-10", OURS),
            ("breaker, last 100 calls", "breaker/count-100", OURS),
            ("breaker, last 10 000 calls", "breaker/count-10000", OURS),
            ("breaker, time window, 10 live calls", "breaker/time-10-live", OURS),
            ("breaker, time window, 100 live", "breaker/time-100-live", OURS),
            ("breaker, time window, 1 000 live", "breaker/time-1000-live", OURS),
            ("breaker, time window, 10 000 live", "breaker/time-10000-live", OURS),
            ("breaker, a time window of 1 ms", "breaker/time-sliding", OURS),
            ("breaker, open", "breaker/open", OURS),
            ("breaker with backpressure", "breaker/backpressure", OURS),
            ("attempt timeout, inner ready", "timeout/ready", OURS),
            ("the same with a name", "timeout/ready", "buttress/named"),
            ("deadline, inner ready", "timeout/ready", "buttress/deadline"),
            ("attempt timeout, inner pending", "timeout/pending", OURS),
            ("deadline, inner pending", "timeout/pending", "buttress/deadline"),
            ("translation of errors", "translate", OURS),
            ("call log, no subscriber", "call-log/off", OURS),
            ("call log, one JSON line per call", "call-log/json", OURS),
            ("context: new request id and trace", "context/layer", OURS),
            ("HTTP: bad statuses are errors", "http/layer", OURS),
            ("request id and trace, set and sent", "http/ids", OURS),
            ("concurrency limit", "bulkhead", OURS),
            ("rate limit", "rate-limit", OURS),
            ("rate limit by hand", "rate-limit-bare", OURS),
        ],
    ),
    (
        "stacks",
        &[
            ("timeout(breaker(retry))", "stack", OURS),
            ("`buttress::client`, over a service", "client/ready", OURS),
            ("`Client::send`, over HTTP", "client/http", OURS),
            ("`buttress::client`, one JSON line per call", "client/logged", OURS),
        ],
    ),
    (
        "bare",
        &[
            ("failures in a row", "breaker-bare/consecutive", OURS),
            ("last 10 calls", "breaker-bare/count-10", OURS),
            ("last 100 calls", "breaker-bare/count-100", OURS),
            ("last 10 000 calls", "breaker-bare/count-10000", OURS),
            ("time window", "breaker-bare/time", OURS),
            ("an async function", "breaker-bare/async", OURS),
            ("open, by `call_blocking`", "breaker-bare/open", OURS),
            ("open, by `admit`", "breaker-bare/open", "buttress/admit"),
        ],
    ),
    (
        "keyed",
        &[
            ("breaker layer, 1 key", "breaker/keyed-1", OURS),
            ("breaker layer, 1 000 keys", "breaker/keyed-1000", OURS),
            ("breaker layer, 10 000 keys", "breaker/keyed-10000", OURS),
            ("the same, by `&str`", "breaker/keyed-10000", "buttress/str"),
            ("breaker layer, 100 000 keys", "breaker/keyed-100000", OURS),
            ("breaker by hand, 10 000 keys", "breaker-bare/keyed-10000", OURS),
            ("the same around an async function", "breaker-bare/keyed-10000", "buttress/async"),
            ("any state, 1 000 keys", "keyed/1000", OURS),
            ("any state, 100 000 keys", "keyed/100000", OURS),
            ("any state, 1 000 000 keys", "keyed/1000000", OURS),
            ("a new key in a full map of 10 000", "keyed/full", OURS),
        ],
    ),
    (
        "log",
        &[
            ("no span", "log/no-span", OURS),
            ("1 span", "log/1-span", OURS),
            ("3 spans", "log/3-spans", OURS),
            ("5 spans", "log/5-spans", OURS),
            ("a span and an event", "log/span-and-event", OURS),
            ("the same with a late `record`", "log/late-record", OURS),
            ("an error with two causes", "log/error-chain", OURS),
            ("through `init`, no span", "log/init-no-span", OURS),
            ("through `init`, 3 spans", "log/init-3-spans", OURS),
            ("1 000 lines of two threads through a queue", "log-queue/1000-lines", OURS),
            ("1 000 events of two threads through a queue", "log-queue/1000-events", OURS),
        ],
    ),
    (
        "context",
        &[
            ("enter a scope and read", "context/scope-and-read", OURS),
            ("enter again at a poll and read", "context/poll-and-read", OURS),
            ("read", "context/read", OURS),
        ],
    ),
    (
        "errors",
        &[
            ("new", "error/new", OURS),
            ("new, formatted (net of the text)", "error/formatted", OURS),
            ("an `io::Error` by `?`", "error/foreign", OURS),
            ("new, two contexts through three levels", "error/two-contexts", OURS),
            ("the same with two notes", "error/two-contexts", "buttress/note"),
            ("three levels, no error", "error/no-error", OURS),
            ("written by `{:#}`", "error/line", OURS),
            ("written by `{:?}`", "error/report", OURS),
        ],
    ),
];

fn cases(rows: &[Row], run: &Run) -> String {
    let mut table = String::new();
    // Most tables have one error type.
    let typed = rows.iter().any(|(_, case, subject)| {
        ERROR_TYPES.iter().any(|variant| run.net(case, &format!("{subject}{variant}")).is_some())
    });
    let (head, line) = if typed { (" `Error` | `BoxError` |", "--:|--:|") } else { ("", "") };
    let _ = writeln!(table, "| what | case | buttress |{head} peers | target |\n|---|---|--:|{line}---|---|");
    for (what, case, subject) in rows {
        let ours = |subject: &str| {
            run.figures(case, subject, 1).map_or_else(|| "–".to_owned(), |figures| cell(figures, 0))
        };
        let mut cells = vec![(*what).to_owned(), format!("`{case}`"), ours(subject)];
        if typed {
            cells.extend(ERROR_TYPES.map(|variant| ours(&format!("{subject}{variant}"))));
        }
        cells.push(peers(case, run));
        let targets = targets::of_case(case, run).filter(|verdict| verdict.is_of(subject));
        let targets: Vec<_> =
            targets.map(|verdict| format!("{} {}", verdict.requirement(), verdict.mark())).collect();
        cells.push(or_dash(targets.join(", ")));
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    }
    table
}

/// Net nanoseconds, and the allocations beyond those of the bare work, in parentheses.
fn cell(figures: &Figures, bare_allocs: usize) -> String {
    let net = figures.net.unwrap_or(figures.ns);
    let allocs = figures.allocs - bare_allocs as f64;
    let allocs = match (allocs * 10.0).round() / 10.0 {
        none if none <= 0.0 => String::new(),
        some => format!(" ({some})"),
    };
    format!("{}{allocs}", number(net))
}

/// Two digits where the figure is small, and groups of three.
fn number(value: f64) -> String {
    if value.abs() < 10.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

fn peers(case: &str, run: &Run) -> String {
    let peers = run.figures.iter().filter(|one| {
        one.case == case
            && one.threads == 1
            && error_type(&one.subject).is_empty()
            && !one.subject.starts_with(OURS)
            && !one.subject.starts_with(BARE)
    });
    let peers: Vec<_> =
        peers.map(|one| format!("{} {}", without_version(&one.subject), cell(one, 0))).collect();
    or_dash(peers.join(", "))
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

/// `dashmap of recloser 1.4.0` and `tower 0.5.3/box` without their versions.
fn without_version(subject: &str) -> String {
    let words = subject.split(' ').map(|word| match word.split_once('/') {
        Some((version, variant)) if is_version(version) => format!("`{variant}`"),
        _ if is_version(word) => String::new(),
        _ => word.to_owned(),
    });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_version(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

fn versions(run: &Run) -> String {
    let subjects =
        run.figures.iter().filter(|one| !one.subject.starts_with(OURS) && one.subject.contains(' '));
    let peers: BTreeSet<_> = subjects
        .map(|one| {
            let name = one.subject.strip_prefix("dashmap of ").unwrap_or(&one.subject);
            name.split('/').next().unwrap_or_default().to_owned()
        })
        .collect();
    wrapped(&format!("Peers: {}.", peers.into_iter().collect::<Vec<_>>().join(", ")))
}

/// Lines of at most 120 columns.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.chars().count() > 120 {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out.push('\n');
    out
}

/// All targets: how many are met, and the others.
fn summary(run: &Run) -> String {
    let verdicts = targets::all(run);
    let missed: Vec<_> = verdicts.iter().filter(|(_, verdict)| !verdict.is_met()).collect();
    let mut text = format!("{} of {} targets are met.\n", verdicts.len() - missed.len(), verdicts.len());
    if !missed.is_empty() {
        text.push_str("\n| case | missed |\n|---|---|\n");
        for (case, verdict) in missed {
            let _ = writeln!(text, "| `{case}` | {verdict} |");
        }
    }
    text
}

fn threads(run: &Run) -> String {
    let mut table = "\
| case | subject | one thread | two, a clone each | two, cloned per call | nothing shared | target |
|---|---|--:|--:|--:|--:|---|
"
    .to_owned();
    let alone = run.figures.iter().filter(|one| {
        one.case.starts_with("threads/") && one.threads == 1 && !one.subject.ends_with("/cloned")
    });
    for Figures { case, subject, ns, .. } in alone {
        let scale = |subject: &str| {
            run.scale(case, subject).map_or_else(|| "–".to_owned(), |scale| format!("{scale:.2}"))
        };
        let apart = run.figures(case, &format!("{subject}{APART}"), 2);
        let apart = apart.map_or_else(|| "–".to_owned(), |apart| format!("{:.2}", 2.0 * ns / apart.ns));
        let cloned = format!("{subject}/cloned");
        let targets: Vec<_> = targets::of_case(case, run)
            .filter(|verdict| verdict.is_of(subject) || verdict.is_of(&cloned))
            .map(|verdict| format!("{} {}", verdict.requirement(), verdict.mark()))
            .collect();
        let _ = writeln!(
            table,
            "| `{case}` | {} | {} | {} | {} | {apart} | {} |",
            without_version(subject),
            number(*ns),
            scale(subject),
            scale(&cloned),
            or_dash(targets.join(", ")),
        );
    }
    table
}

fn sizes(run: &Run) -> String {
    let mut table = "| future of | whose | bytes | target |\n|---|---|--:|---|\n".to_owned();
    for (of, subject, bytes) in &run.sizes {
        let target =
            targets::of_case("sizes", run).find(|verdict| verdict.is_of(of) && subject == OURS).map_or_else(
                || "–".to_owned(),
                |verdict| format!("{} {}", verdict.requirement(), verdict.mark()),
            );
        let bytes = number(*bytes as f64);
        let _ = writeln!(table, "| {of} | {} | {bytes} | {target} |", without_version(subject));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: [&str; 3] = [
        r#"{"case":"stack","subject":"buttress","ns_median":70.0,"ns_min":1.0,"ns_net":60.0,"allocs":0.0,"bytes":0.0,"threads":1}
{"case":"stack","subject":"tower-resilience 0.14.0","ns_median":600.0,"ns_min":1.0,"ns_net":540.0,"allocs":7.0,"bytes":0.0,"threads":1}
{"size":"client, `send`","subject":"buttress","bytes":1500}"#,
        r#"{"case":"stack","subject":"buttress","ns_median":60.0,"ns_min":1.0,"ns_net":50.0,"allocs":0.0,"bytes":0.0,"threads":1}"#,
        r#"{"case":"stack","subject":"buttress","ns_median":99.0,"ns_min":1.0,"ns_net":90.0,"allocs":0.0,"bytes":0.0,"threads":1}"#,
    ];

    fn run() -> Run {
        read(&RUNS.map(str::to_owned)).unwrap()
    }

    #[test]
    fn a_figure_is_the_median_of_the_runs() {
        assert_eq!(run().net("stack", "buttress"), Some(60.0));
        assert_eq!(run().sizes.len(), 1);
    }

    #[test]
    fn only_the_marked_places_of_a_page_change() {
        let page = "# Page\n<!-- table: stacks -->\nold\n<!-- end -->\ntext\n<!-- table: summary -->\n<!-- end -->\n";
        let once = render(page, &run()).unwrap();
        assert!(
            once.starts_with("# Page\n<!-- table: stacks -->\n| what | case | buttress | peers | target |\n")
        );
        assert!(
            once.contains(
                "| timeout(breaker(retry)) | `stack` | 60 | tower-resilience 540 (7) | \
                 ≥ 10 × as fast as tower-resilience ✗ 10 % below, ≤ 0 allocations ✓ |"
            ),
            "{once}"
        );
        assert!(!once.contains("old") && once.contains("<!-- end -->\ntext\n"), "{once}");
        assert_eq!(render(&once, &run()).unwrap(), once, "rendering again changes nothing");
    }

    #[test]
    fn a_bad_page_or_line_is_named() {
        let bad = |page: &str| render(page, &run()).unwrap_err();
        assert!(bad("<!-- table: rows -->\n<!-- end -->").contains("\"rows\""));
        assert!(bad("<!-- table: stacks -->\n").contains("no `<!-- end -->`"));
        assert!(read(&["{}".to_owned()]).err().is_some_and(|error| error.contains("{}")));
    }

    #[test]
    fn numbers_and_names_are_for_readers() {
        assert_eq!([0.46, 9.94, 12.4, 1_234.5, 1e6].map(number), ["0.5", "9.9", "12", "1 234", "1 000 000"]);
        assert_eq!(without_version("dashmap of recloser 1.4.0"), "dashmap of recloser");
        assert_eq!(without_version("tokio 1.54.1/task_local"), "tokio `task_local`");
    }
}
