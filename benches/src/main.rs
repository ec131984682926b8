//! Measures buttress and its peers side by side: time, allocations, two threads, sizes of futures.
//!
//! `args` reads the command line, `cases` lists what is measured, `measure` takes the figures, `report` shows them,
//! `targets` compares them with what is required, and `page` renders `docs/benchmarks.md`.

mod allocs;
mod args;
mod case;
mod cases;
mod drive;
mod measure;
mod page;
mod peers;
mod report;
mod service;
mod sizes;
mod targets;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::case::Case;
use crate::measure::{Measurement, Plan};
use crate::targets::Run;

/// The reason why not all was measured.
enum Failed {
    /// Bad arguments: exit code 2.
    Usage(String),
    /// A figure could not be written: exit code 1.
    Io(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn main() -> ExitCode {
    let (message, code) = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failed::Usage(message)) => (message, 2),
        Err(Failed::Io(error)) => (error.to_string(), 1),
    };
    // If stderr is closed as well, there is no place left for the message.
    let _ = writeln!(io::stderr(), "buttress-benches: {message}");
    ExitCode::from(code)
}

fn run() -> Result<(), Failed> {
    match args::parse(std::env::args().skip(1)).map_err(Failed::Usage)? {
        Command::Help => Ok(io::stdout().write_all(args::HELP.as_bytes())?),
        Command::Measure(args) => measure(&args),
        Command::Page { page, runs } => render(&page, &runs),
    }
}

fn measure(args: &Args) -> Result<(), Failed> {
    let sizes_wanted = args.subject.is_none() && args.wants(SIZES);
    let wanted = cases::all().into_iter().filter(|case| args.wants(case.name)).collect::<Vec<_>>();
    if wanted.is_empty() && !sizes_wanted {
        return Err(Failed::Usage(format!("no case has {:?} in its name (see --help)", args.filter)));
    }
    let mut json = args.json.as_deref().map(create).transpose()?;

    // Sleeps need a timer; nothing else here needs a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _timer = runtime.enter();

    if let Some(calls) = args.calls {
        wanted.iter().for_each(|case| call(case, args.subject.as_deref(), calls));
        return Ok(());
    }
    if ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"].iter().any(|name| std::env::var_os(name).is_some()) {
        let _ = writeln!(
            io::stderr(),
            "warning: backtraces are on, which slows down error types that capture one"
        );
    }
    let plan = if args.quick { Plan::QUICK } else { Plan::FULL };
    let mut run = Run::default();
    for case in wanted {
        let measurements = measure::case(&case, args.subject.as_deref(), plan);
        run.figures.extend(measurements.iter().map(Measurement::figures));
        report::table(&mut io::stdout(), case.name, &measurements, &run)?;
        if let Some(file) = &mut json {
            report::json_lines(file, &measurements)?;
        }
    }
    if sizes_wanted {
        let sizes = sizes::all();
        run.sizes.extend(sizes.iter().map(|size| (size.of.to_owned(), size.subject.clone(), size.bytes)));
        report::sizes(&mut io::stdout(), &sizes, &run)?;
        if let Some(file) = &mut json {
            report::json_sizes(file, &sizes)?;
        }
    }
    Ok(report::missed(&mut io::stdout(), &run)?)
}

/// Renders the tables of `page` from `runs`.
fn render(page: &Path, runs: &[PathBuf]) -> Result<(), Failed> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| Failed::Usage(format!("{}: {error}", path.display())))
    };
    let texts = runs.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let run = page::read(&texts).map_err(Failed::Usage)?;
    let rendered = page::render(&read(page)?, &run).map_err(Failed::Usage)?;
    fs::write(page, rendered)?;
    Ok(())
}

/// The table of sizes, by the name that a filter takes.
const SIZES: &str = "sizes";

/// Makes `calls` calls on each thread of the wanted subjects.
fn call(case: &Case, subject: Option<&str>, calls: u64) {
    for mut subject in case.wanted(subject) {
        subject.work.iter_mut().for_each(|work| work(calls));
    }
}

/// Opens the file before anything is measured, so that a bad path is reported at once.
fn create(path: &Path) -> Result<File, Failed> {
    File::create(path).map_err(|error| Failed::Usage(format!("cannot write {}: {error}", path.display())))
}
