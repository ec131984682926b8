//! Shows the figures: a table for people, JSON lines for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::case::{APART, BARE, OURS, error_type};
use crate::measure::Measurement;
use crate::sizes::Size;
use crate::targets::{self, Run};

const HEAD: [&str; 9] =
    ["subject", "threads", "ns_median", "ns_min", "net", "allocs", "bytes", "ratio", "scale"];

/// Writes the figures of one case, columns aligned, and its targets. `run` has the figures of all cases so far.
pub(crate) fn table(out: &mut impl Write, case: &str, all: &[Measurement], run: &Run) -> io::Result<()> {
    let rows = all.iter().map(|one| row(one, all)).collect::<Vec<_>>();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or_default()
    };
    writeln!(out, "{case}")?;
    for row in std::iter::once(&HEAD.map(str::to_owned)).chain(&rows) {
        write!(out, "  {:<width$}", row[0], width = width(0))?;
        for (column, cell) in row.iter().enumerate().skip(1) {
            write!(out, "  {cell:>width$}", width = width(column))?;
        }
        writeln!(out)?;
    }
    verdicts(out, case, run)?;
    writeln!(out)?;
    out.flush()
}

fn verdicts(out: &mut impl Write, case: &str, run: &Run) -> io::Result<()> {
    targets::of_case(case, run).try_for_each(|verdict| writeln!(out, "  target: {verdict}"))
}

/// Writes the number of targets that are met, and those that are not.
pub(crate) fn missed(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let all = targets::all(run);
    if all.is_empty() {
        return Ok(());
    }
    let met = all.iter().filter(|(_, verdict)| verdict.is_met()).count();
    writeln!(out, "{met} of {} targets are met", all.len())?;
    let mut missed = all.iter().filter(|(_, verdict)| !verdict.is_met());
    missed.try_for_each(|(case, verdict)| writeln!(out, "  {case}: {verdict}"))
}

fn row(one: &Measurement, all: &[Measurement]) -> [String; 9] {
    let none = || "-".to_owned();
    [
        one.subject.clone(),
        one.threads.to_string(),
        format!("{:.1}", one.ns_median),
        format!("{:.1}", one.ns_min),
        one.ns_net.map_or_else(none, |net| format!("{net:.1}")),
        count(one.allocs),
        count(one.bytes),
        ratio(one, all).map_or_else(none, |ratio| format!("{ratio:.2}")),
        scale(one, all).map_or_else(none, |scale| format!("{scale:.2}")),
    ]
}

/// The cost of `one` over ours with the same error type, on the same number of threads.
fn ratio(one: &Measurement, all: &[Measurement]) -> Option<f64> {
    if one.subject.starts_with(BARE) {
        return None;
    }
    let subject = format!("{OURS}{}", error_type(&one.subject));
    let ours = all.iter().find(|ours| ours.subject == subject && ours.threads == one.threads)?;
    // A smaller cost cannot be distinguished from noise.
    let least = 0.2;
    ours.ns_net.filter(|net| *net >= least).and_then(|ours| Some(one.ns_net? / ours))
}

/// The throughput of all threads of `one` over that of one thread alone.
fn scale(one: &Measurement, all: &[Measurement]) -> Option<f64> {
    if one.threads == 1 {
        return None;
    }
    let name = one.subject.strip_suffix(APART).unwrap_or(&one.subject);
    let alone = all.iter().find(|alone| alone.subject == name && alone.threads == 1)?;
    Some(one.threads as f64 * alone.ns_median / one.ns_median)
}

fn count(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[derive(Serialize)]
struct Line<'a> {
    case: &'a str,
    subject: &'a str,
    ns_median: f64,
    ns_min: f64,
    /// Null without a bare row.
    ns_net: Option<f64>,
    allocs: f64,
    bytes: f64,
    threads: usize,
}

/// Writes one JSON object a line.
pub(crate) fn json_lines(out: &mut impl Write, all: &[Measurement]) -> io::Result<()> {
    for one in all {
        let line = Line {
            case: one.case,
            subject: &one.subject,
            ns_median: one.ns_median,
            ns_min: one.ns_min,
            ns_net: one.ns_net,
            allocs: one.allocs,
            bytes: one.bytes,
            threads: one.threads,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

/// Writes the table of the sizes of futures.
pub(crate) fn sizes(out: &mut impl Write, all: &[Size], run: &Run) -> io::Result<()> {
    writeln!(out, "sizes of futures, bytes")?;
    for Size { of, subject, bytes } in all {
        writeln!(out, "  {of:<16}  {subject:<18}  {bytes:>6}")?;
    }
    verdicts(out, "sizes", run)?;
    writeln!(out)?;
    out.flush()
}

/// Writes them as JSON, one object a line.
pub(crate) fn json_sizes(out: &mut impl Write, all: &[Size]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        size: &'a str,
        subject: &'a str,
        bytes: usize,
    }
    for Size { of, subject, bytes } in all {
        let line = Line { size: of, subject, bytes: *bytes };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(subject: &str, threads: usize, ns: f64, net: f64) -> Measurement {
        Measurement {
            case: "case",
            subject: subject.to_owned(),
            ns_median: ns,
            ns_min: ns,
            ns_net: Some(net),
            allocs: 0.5,
            bytes: 8.0,
            threads,
        }
    }

    #[test]
    fn ratios_are_of_net_figures_and_scales_of_throughput() {
        let all = [
            measured("bare", 1, 2.0, 0.0),
            measured("buttress", 1, 12.0, 10.0),
            measured("peer", 1, 102.0, 100.0),
            measured("peer", 2, 204.0, 202.0),
            measured("peer/apart", 2, 102.0, 100.0),
        ];
        assert_eq!(ratio(&all[2], &all), Some(10.0));
        assert_eq!(ratio(&all[0], &all), None, "bare costs nothing by definition");
        assert_eq!(ratio(&all[3], &all), None, "there is no row of ours with two threads");
        assert_eq!(scale(&all[3], &all), Some(1.0));
        assert_eq!(scale(&all[4], &all), Some(2.0));
        assert_eq!(scale(&all[2], &all), None);
    }

    #[test]
    fn a_json_line_has_the_promised_keys() {
        let mut out = Vec::new();
        json_lines(&mut out, &[measured("peer 1.0", 1, 12.5, 10.0)]).unwrap();
        let line = r#"{"case":"case","subject":"peer 1.0","ns_median":12.5,"ns_min":12.5,"ns_net":10.0,"allocs":0.5,"bytes":8.0,"threads":1}"#;
        assert_eq!(String::from_utf8(out).unwrap().trim_end(), line);
    }
}
