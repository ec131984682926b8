//! `Exit`: the return type of `main`.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic::Location;
use std::process::{ExitCode, Termination};

use crate::BoxError;
use crate::class::Class;
use crate::contain;
use crate::error::Error;
use crate::foreign::into_box;
use crate::kind::Kind;

/// The end of a program: success, or an error of any type with a report on standard error and the exit code of its kind.
///
/// `main` returns it, and it is the error type of the function that does the work: there `?` accepts every error type,
/// including [`BoxError`](crate::BoxError) and the errors of anyhow and eyre.
///
/// ```no_run
/// use buttress_error::{Exit, Kind, Result, bail};
///
/// fn main() -> Exit {
///     Exit::run(run)
/// }
///
/// fn run() -> Result<(), Exit> {
///     let port: u16 = "http".parse()?; // any error: a foreign one ends with 1
///     listen(port)?; // a classified one with the code of its kind, here 2
///     Ok(())
/// }
///
/// fn listen(port: u16) -> Result<()> {
///     bail!(Kind::Config, "port {port} is taken")
/// }
/// ```
///
/// A `main` that returns `Result<(), Exit>` prints the same report, but the standard library always ends it with 1.
///
/// An [`Error`] keeps its class, also in a box. (In the errors of anyhow and eyre only with the feature `anyhow` or `eyre`.)
/// A type of your own that implements [`Classify`](crate::Classify) must become an [`Error`] first, as in `listen` above.
/// A direct `?` into an `Exit` treats it as a foreign error, whose kind is that of [`classify`](crate::classify).
pub struct Exit {
    error: Option<Error>,
    profile: ExitProfile,
}

/// The convention for exit codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitProfile {
    /// 0 for success, 1 for a failure, 2 for wrong usage or configuration, 130 for an interrupt, 101 for a panic. The default.
    #[default]
    Unix,
    /// The codes of `sysexits.h`: 75 means that running the program again may help.
    Sysexits,
}

impl ExitProfile {
    /// Returns the exit code of a program that ends with an error of `class`, 1 to 255: its [`exit`](Class::exit) if that is
    /// set, else that of its kind. The class is taken as clients see it ([`Class::at_edge`]).
    #[must_use]
    pub const fn code(self, class: Class) -> u8 {
        let class = class.at_edge();
        match (class.exit, self) {
            (Some(code @ 1..), _) => code,
            (_, Self::Unix) => class.kind.exit(),
            (_, Self::Sysexits) => class.kind.sysexit(),
        }
    }
}

impl Exit {
    /// The end of a program that succeeded.
    pub const SUCCESS: Self = Self { error: None, profile: ExitProfile::Unix };

    /// Runs `work` and returns its end.
    pub fn run<E: Into<Self>>(work: impl FnOnce() -> Result<(), E>) -> Self {
        Self::of(work())
    }

    /// Creates the end of a program from the result of its work.
    pub fn of<E: Into<Self>>(outcome: Result<(), E>) -> Self {
        outcome.map_or_else(Into::into, |()| Self::SUCCESS)
    }

    /// Sets the convention for the exit code.
    #[must_use]
    pub const fn profile(mut self, profile: ExitProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Returns the error, if there is one.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Returns the exit code: 0 if and only if there is no error.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.error.as_ref().map_or(0, |error| self.profile.code(*error.class()))
    }
}

/// Converts an error of any type, in a box or not.
impl<E: Into<BoxError> + 'static> From<E> for Exit {
    #[track_caller]
    fn from(error: E) -> Self {
        // An error that panics while it is classified is of kind unknown.
        let error = contain::run(|| into_box(error)).and_then(|error| {
            let text = contain::text(&error);
            let location = Some(Location::caller());
            contain::run(|| Error::unbox(error, location)).or_else(|| Some(Error::new(Kind::Unknown, text)))
        });
        let error = error.unwrap_or_else(|| Error::new(Kind::Unknown, "an error that panics"));
        Self { error: Some(error), profile: ExitProfile::Unix }
    }
}

/// Writes the report, with colours if standard error is a terminal and `NO_COLOR` is not set.
impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = &self.error else { return f.write_str("success") };
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let report = error.report();
        let report = if !plain && io::stderr().is_terminal() { report.coloured() } else { report };
        fmt::Display::fmt(&report, f)
    }
}

/// Prints the report, as the standard library does for a `main` that returns an error. The exit code does not depend on the
/// code of the error: a panic in its `Display`, `source()` or drop is caught, and a closed standard error is ignored.
impl Termination for Exit {
    fn report(self) -> ExitCode {
        let code = self.code();
        if self.error.is_some() {
            // Written at once. If standard error is closed there is no place left to report that.
            let report = contain::text(format_args!("Error: {self:?}\n"));
            let _ = contain::run(|| io::stderr().write_all(report.as_bytes()));
        }
        // An error that panics while it is dropped does not change the code.
        let _ = contain::run(|| drop(self));
        ExitCode::from(code)
    }
}
