//! The tasks of this repository that plain cargo has no command for. Each is a list of commands that anyone can type; the
//! runner prints a command before it starts it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task runner reports on its terminal")]

mod bench;
mod ci;
mod command;
mod cost;
mod demo;
mod features;
mod minimal;
mod page;
mod paths;
mod promises;
mod published;
mod readme;
mod sources;
mod step;
mod tags;
mod test;
mod tools;

use std::{env, process::ExitCode};

use step::Tools;

const USAGE: &str = "\
usage: cargo xtask <task>

  test                                      everything that has to pass before a commit lands
  ci [--all-tools]                          the merge gate: test, spelling, licences, lowest versions, each feature alone,
                                            semver, a short benchmark; --all-tools fails where a tool is missing
  promises                                  the tests that prove each promise of docs/semantics.md
  minimal-versions                          builds the crates with the lowest versions that their manifests allow
  bench [--quick] [--json FILE] [FILTER]    measures buttress and its peers in one run
  bench-page [RUN.jsonl ...]                renders the tables of docs/benchmarks.md from runs; without any it makes three
  compile-cost                              crates, build time and size of a program with the breaker alone, and a peer's
  demo [ARGS]                               runs the outage example";

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<_> = args.collect();

    let result = match (task.to_str(), rest.is_empty()) {
        (Some("test"), true) => step::run(&test::steps(), Tools::Any).map(|()| ExitCode::SUCCESS),
        (Some("ci"), true) => ci::run(Tools::Any).map(|()| ExitCode::SUCCESS),
        (Some("ci"), false) if rest == ["--all-tools"] => ci::run(Tools::All).map(|()| ExitCode::SUCCESS),
        (Some("promises"), true) => promises::check().map(|()| ExitCode::SUCCESS),
        (Some("minimal-versions"), true) => minimal::check().map(|()| ExitCode::SUCCESS),
        (Some("bench"), _) => bench::run(&rest),
        (Some("bench-page"), _) => bench::page(&rest),
        (Some("compile-cost"), true) => cost::run().map(|()| ExitCode::SUCCESS),
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
