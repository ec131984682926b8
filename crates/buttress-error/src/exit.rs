//! `Exit`: what `main` returns.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic::Location;
use std::process::{ExitCode, Termination};

use crate::foreign::into_box;
use crate::{BoxError, Class, Error, Kind, contain};

/// How a program ends: well, or with an error of any type, its report on standard error and the exit code of its kind.
///
/// It is the error type of the function that does the work, where `?` takes every error type there is, one in a box as in
/// [`BoxError`](crate::BoxError), and anyhow's and eyre's too, and at the same time what `main` returns.
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
/// An [`Error`] is found again as the same value, also in a box. (In anyhow's or eyre's with the feature `anyhow` or
/// `eyre`; without, their boxes hide what is in them.) An own type that is [classified](crate::Classify) has to become an
/// [`Error`] first, as in `listen` above: a direct `?` into an `Exit` takes it for a foreign error, of which only
/// what [`classify`](crate::classify) knows has a kind.
pub struct Exit {
    error: Option<Error>,
    profile: ExitProfile,
}

/// The tradition of exit codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitProfile {
    /// 0 well, 1 failed, 2 used or configured wrongly, 130 interrupted, 101 panicked. The default.
    #[default]
    Unix,
    /// Those of `sysexits.h`: 75 says that running the program again may help.
    Sysexits,
}

impl ExitProfile {
    /// The code of a program that ends with an error of `class`, 1 to 255: its [`exit`](Class::exit) where it has one, as
    /// the class leaves this program ([`Class::at_edge`]).
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
    /// All went well.
    pub const SUCCESS: Self = Self { error: None, profile: ExitProfile::Unix };

    /// Runs `work`, and ends as it does.
    pub fn run<E: Into<Self>>(work: impl FnOnce() -> Result<(), E>) -> Self {
        Self::of(work())
    }

    /// Ends as `outcome` says.
    pub fn of<E: Into<Self>>(outcome: Result<(), E>) -> Self {
        outcome.map_or_else(Into::into, |()| Self::SUCCESS)
    }

    /// Takes the codes of another tradition.
    #[must_use]
    pub const fn profile(mut self, profile: ExitProfile) -> Self {
        self.profile = profile;
        self
    }

    /// The error, where there is one.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The exit code: 0 exactly when all went well.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.error.as_ref().map_or(0, |error| self.profile.code(*error.class()))
    }
}

/// Any error, also one that nobody classified, and one that is in a box already.
impl<E: Into<BoxError> + 'static> From<E> for Exit {
    #[track_caller]
    fn from(error: E) -> Self {
        // What cannot even be looked at ends as an error of kind unknown.
        let error = contain::run(|| into_box(error)).and_then(|error| {
            let text = contain::text(&error);
            let location = Some(Location::caller());
            contain::run(|| Error::unbox(error, location)).or_else(|| Some(Error::new(Kind::Unknown, text)))
        });
        let error = error.unwrap_or_else(|| Error::new(Kind::Unknown, "an error that panics"));
        Self { error: Some(error), profile: ExitProfile::Unix }
    }
}

/// The report, with colours where standard error is a terminal and `NO_COLOR` is not set.
impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = &self.error else { return f.write_str("success") };
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let report = error.report();
        let report = if !plain && io::stderr().is_terminal() { report.coloured() } else { report };
        fmt::Display::fmt(&report, f)
    }
}

/// Prints the report, as the standard library does for a `main` that returns an error. The exit code is that of the kind
/// whatever the error does: a `Display`, a `source()` or a drop that panics is contained, and so is a closed standard error.
impl Termination for Exit {
    fn report(self) -> ExitCode {
        let code = self.code();
        if self.error.is_some() {
            // As one piece, made before anything is written. Nobody is left to tell where standard error is closed.
            let report = contain::text(format_args!("Error: {self:?}\n"));
            let _ = contain::run(|| io::stderr().write_all(report.as_bytes()));
        }
        // An error that panics while it is dropped does not change the code.
        let _ = contain::run(|| drop(self));
        ExitCode::from(code)
    }
}
