//! `cargo xtask bench`: buttress and its peers in one process and one run. `cargo xtask bench-page`: the page of the figures.

use crate::command;
use std::{ffi::OsString, fs, process::ExitCode};

/// The arguments of the benchmarks' own `main` follow the two dashes.
pub(crate) const COMMAND: &str = "cargo run --profile bench --package buttress-benches --";

const PAGE: &str = "docs/benchmarks.md";

pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    // In the directory of the user, so that a relative path of `--json FILE` is theirs.
    // With RUST_BACKTRACE set, the benchmarks of errors would measure backtraces.
    let command = &mut command::parse(COMMAND);
    command.args(args).current_dir(".").env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
    command::status(command)
}

/// Renders the tables of the page from `runs`: files that `--json` wrote. Without any it makes three runs first.
pub(crate) fn page(runs: &[OsString]) -> Result<ExitCode, String> {
    let runs = if runs.is_empty() { three_runs()? } else { runs.to_vec() };
    let mut args = vec![OsString::from("--page"), command::root().join(PAGE).into()];
    args.extend(runs);
    run(&args)
}

fn three_runs() -> Result<Vec<OsString>, String> {
    let directory = command::root().join("target/bench");
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut runs = Vec::new();
    for number in 1..=3 {
        let file = directory.join(format!("run-{number}.jsonl")).into_os_string();
        println!("==== run {number} of 3");
        if run(&["--json".into(), file.clone()])? != ExitCode::SUCCESS {
            return Err(format!("run {number} failed"));
        }
        runs.push(file);
    }
    Ok(runs)
}
