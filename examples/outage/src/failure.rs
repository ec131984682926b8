//! Failure: why there was no run, in one line and an exit code.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Debug, PartialEq)]
pub enum Failure {
    /// The command line asks for something that can't be done.
    Arguments(String),
    /// The machine doesn't let us.
    Machine(String),
}

impl Failure {
    pub fn tell(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Arguments(text) => (text, 2),
            Self::Machine(text) => (text, 1),
        };
        let _ = writeln!(io::stderr(), "outage: {text}");
        ExitCode::from(code)
    }
}

/// For `?`.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Machine(match error.source() {
            Some(source) => format!("{error}: {}", root(source)),
            None => error.to_string(),
        })
    }
}

/// The words of the error at the bottom.
pub fn root(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
