//! The command line.

use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Measures buttress and its peers side by side.

Usage: buttress-benches [--quick] [--json FILE] [--calls N] [FILTER | CASE=SUBJECT]
       buttress-benches --page PAGE RUN.jsonl...

  FILTER       only the cases with FILTER in their name, such as breaker/ or log/; `sizes` for the sizes of futures
  CASE=SUBJECT only the row of exactly this case and subject, such as stack=buttress
  --quick      10 batches of 0.5 ms instead of 50 batches of 2 ms
  --json FILE  also write one JSON line per measurement: case, subject, ns_median, ns_min, ns_net, allocs, bytes,
               threads; and one per size of a future: size, subject, bytes
  --calls N    make N calls and measure nothing: for perf, or for valgrind --tool=callgrind, which counts instructions
  --page PAGE  measure nothing; render the tables of the page from the medians of the runs, files that --json wrote
  --help       show this text

Every call is awaited in an async function, over an application's error enum; the rows that end with /error and /box have
buttress_error::Error and BoxError instead.

Columns: nanoseconds per call (median and minimum of the batches); net is the median without the bare service of the
same round; allocations and bytes per call; ratio is net over the net of buttress with the same error type; scale is the
throughput of two threads over that of one.
";

/// The task that the arguments name.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Measure(Args),
    /// Renders `page` from `runs`.
    Page {
        page: PathBuf,
        runs: Vec<PathBuf>,
    },
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Args {
    pub(crate) quick: bool,
    pub(crate) json: Option<PathBuf>,
    /// Calls to make without measuring them.
    pub(crate) calls: Option<u64>,
    /// Part of a case's name, or all of it where `subject` is; empty matches all.
    pub(crate) filter: String,
    /// A subject's name.
    pub(crate) subject: Option<String>,
}

impl Args {
    /// Returns `true` if this case is to be measured.
    pub(crate) fn wants(&self, case: &str) -> bool {
        if self.subject.is_some() { case == self.filter } else { case.contains(&self.filter) }
    }
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = Args::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--page" => {
                let mut paths = words.map(PathBuf::from);
                let (page, runs) = (paths.next(), paths.collect::<Vec<_>>());
                return match page {
                    Some(page) if !runs.is_empty() => Ok(Command::Page { page, runs }),
                    _ => Err("--page needs the name of the page, and at least one file of --json".to_owned()),
                };
            }
            "--quick" => args.quick = true,
            "--json" => {
                let path = words.next().filter(|path| !path.starts_with('-'));
                args.json = Some(path.ok_or("--json needs the name of a file")?.into());
            }
            "--calls" => {
                let calls = words.next().and_then(|calls| calls.parse().ok());
                args.calls = Some(calls.ok_or("--calls needs a number")?);
            }
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag} (see --help)")),
            "" => return Err("the filter is empty".to_owned()),
            _ if !args.filter.is_empty() => {
                return Err(format!("a second filter {word:?}: only one is taken"));
            }
            _ => match word.split_once('=') {
                Some((filter, subject)) => {
                    (args.filter, args.subject) = (filter.to_owned(), Some(subject.to_owned()));
                }
                None => args.filter = word,
            },
        }
    }
    Ok(Command::Measure(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_flag_is_read() {
        let all = Args {
            quick: true,
            json: Some("out.json".into()),
            calls: Some(7),
            filter: "breaker/".to_owned(),
            subject: Some("bare".to_owned()),
        };
        assert_eq!(words("--quick --json out.json --calls 7 breaker/=bare"), Ok(Command::Measure(all)));
        assert_eq!(words(""), Ok(Command::Measure(Args::default())));
        assert_eq!(words("--quick --help"), Ok(Command::Help));
        let runs = vec!["a.jsonl".into(), "b.jsonl".into()];
        assert_eq!(words("--page x.md a.jsonl b.jsonl"), Ok(Command::Page { page: "x.md".into(), runs }));
    }

    #[test]
    fn a_filter_is_part_of_a_name_and_a_row_has_all_of_it() {
        let wants = |line: &str, case: &str| match words(line) {
            Ok(Command::Measure(args)) => args.wants(case),
            other => panic!("{other:?}"),
        };
        assert!(wants("", "stack") && wants("breaker/", "breaker/open"));
        assert!(!wants("breaker/", "stack"));
        assert!(wants("client=bare", "client") && !wants("client=bare", "client-logged"));
    }

    #[test]
    fn bad_arguments_are_refused_in_one_line() {
        for line in ["--fast", "--json", "--json --quick", "--calls", "--calls few", "one two", "--page x.md"]
        {
            let message = words(line).expect_err(line);
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}
