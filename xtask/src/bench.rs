//! `cargo xtask bench`: buttress and its peers in one process and one run.

use crate::command;
use std::{ffi::OsString, process::ExitCode};

/// What the benchmarks' own `main` takes follows the two dashes.
pub(crate) const COMMAND: &str = "cargo run --profile bench --package buttress-benches --";

pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    // Where the user is, so that the file of `--json FILE` lies where they mean.
    // With RUST_BACKTRACE set, errors that take a backtrace would be measured by that.
    command::status(command::parse(COMMAND).args(args).current_dir(".").env_remove("RUST_BACKTRACE"))
}
