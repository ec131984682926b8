//! What plain cargo can't say about this repository. Every task is a list of commands that anyone can type;
//! the runner prints each one before it starts it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task runner talks to whoever started it")]

mod bench;
mod ci;
mod command;
mod demo;
mod features;
mod page;
mod promises;
mod readme;
mod sources;
mod step;
mod tags;
mod test;
mod tools;

use std::{env, process::ExitCode};

const USAGE: &str = "\
usage: cargo xtask <task>

  test                                      everything that must pass; what the CI runs
  ci                                        test, promises, each feature alone, a short benchmark
  promises                                  which test proves which promise of docs/semantics.md
  bench [--quick] [--json FILE] [FILTER]    buttress and its peers, measured in one run
  demo [ARGS]                               the outage example, built with what the tests built";

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<_> = args.collect();

    let result = match (task.to_str(), rest.is_empty()) {
        (Some("test"), true) => step::run(&test::steps()).map(|()| ExitCode::SUCCESS),
        (Some("ci"), true) => ci::steps().and_then(|steps| step::run(&steps)).map(|()| ExitCode::SUCCESS),
        (Some("promises"), true) => promises::check().map(|()| ExitCode::SUCCESS),
        (Some("bench"), _) => bench::run(&rest),
        (Some("demo"), _) => demo::run(&rest),
        (Some("help" | "--help" | "-h"), _) => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    };
    result.unwrap_or_else(|why| {
        eprintln!("\nxtask: {why}");
        ExitCode::FAILURE
    })
}
