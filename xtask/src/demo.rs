//! `cargo xtask demo`: the outage example.

use crate::command;
use std::{ffi::OsString, process::ExitCode};

/// The same text as in the README, so that the tests run the command of the README.
pub(crate) const COMMAND: &str = "cargo run --manifest-path examples/Cargo.toml -p outage";

pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    command::status(command::parse(COMMAND).arg("--").args(args))
}
