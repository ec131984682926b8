//! `Config` and `init`: one subscriber for the whole program.

use std::env::{self, VarError};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::directives::{Directives, Format, Ignored};
use crate::guard::{Guard, Shared};
use crate::{Human, JsonLayer, Limits};

/// The environment variable that [`init`] reads.
pub const VARIABLE: &str = "BUTTRESS_LOG";

/// Logs to standard error as the environment variable `BUTTRESS_LOG` says.
///
/// Its parts, separated by commas and in any order, are a format (`json`, `human`, or `auto`, the default: human
/// exactly if standard error is a terminal), a level (`off`, `error`, `warn`, `info`, `debug`, `trace`; default
/// `info`) and levels of single targets (`hyper=warn`). A target stands for itself and for those below it: `hyper` and
/// `hyper::client`, not `hyper_util`. The longest one that fits counts. A part that means nothing is left out, as is a format
/// or level that a later one contradicts, and one WARN line says so: a slip in a variable stops no program. Another WARN
/// line says that `RUST_LOG` is set, which is not read.
///
/// ```no_run
/// let _guard = buttress_log::init()?; // BUTTRESS_LOG=json,info,hyper=warn
/// # Ok::<_, buttress_log::InitError>(())
/// ```
///
/// # Errors
/// [`InitError`] if the program has a global subscriber already.
pub fn init() -> Result<Guard, InitError> {
    Config::from_env().init()
}

/// How the program logs, where [`init`] isn't enough.
///
/// ```no_run
/// use buttress_log::{Config, Format};
/// use tracing::level_filters::LevelFilter;
///
/// let _guard = Config::from_env().format(Format::Json).target("hyper", LevelFilter::WARN).init()?;
/// # Ok::<_, buttress_log::InitError>(())
/// ```
#[must_use = "nothing is logged before `init`"]
pub struct Config {
    directives: Directives,
    limits: Limits,
    writer: Option<BoxMakeWriter>,
    redact: bool,
    /// What another logger's variable says, which is not read.
    unread: Option<String>,
}

impl Config {
    /// The defaults: format auto, level INFO, standard error. Doesn't read the environment.
    pub fn new() -> Self {
        Self {
            directives: Directives::default(),
            limits: Limits::default(),
            writer: None,
            redact: true,
            unread: None,
        }
    }

    /// What the environment variable `BUTTRESS_LOG` says (see [`init`]); what it doesn't say is as in [`new`](Self::new).
    pub fn from_env() -> Self {
        let text = variable(VARIABLE);
        let unread = Some(variable(OTHER_VARIABLE)).filter(|other| !other.is_empty() && *other != text);
        Self { directives: Directives::parse(&text), unread, ..Self::new() }
    }

    /// Changes the format.
    pub const fn format(mut self, format: Format) -> Self {
        self.directives.format = Some(format);
        self
    }

    /// Changes the level of all targets that have no level of their own. Default: INFO.
    pub const fn level(mut self, level: LevelFilter) -> Self {
        self.directives.level = Some(level);
        self
    }

    /// Changes the level of a target and of those below it (`hyper` and `hyper::client`). Later ones win.
    pub fn target(mut self, target: impl Into<String>, level: LevelFilter) -> Self {
        self.directives.targets.push((target.into(), level));
        self
    }

    /// Changes the size limits. Default: 8 KiB a field, 64 KiB a line.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Writes somewhere else than to standard error. Then [`Format::Auto`] is JSON, and human lines have no colour.
    pub fn writer<W>(mut self, writer: W) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        self.writer = Some(BoxMakeWriter::new(writer));
        self
    }

    /// Writes the values of fields whose name says that they are secret.
    pub const fn without_redaction(mut self) -> Self {
        self.redact = false;
        self
    }

    /// Makes it the program's global subscriber. The guard flushes the writer when dropped: keep it in `main`.
    ///
    /// # Errors
    /// [`InitError`] if the program has a global subscriber already.
    pub fn init(self) -> Result<Guard, InitError> {
        let terminal = self.writer.is_none() && io::stderr().is_terminal();
        let human = match self.directives.format.unwrap_or_default() {
            Format::Auto => terminal,
            Format::Json => false,
            Format::Human => true,
        };
        let writer =
            Shared(Arc::new(self.writer.unwrap_or_else(|| BoxMakeWriter::new(|| io::stderr().lock()))));
        let lines = match human {
            false => BoxMakeWriter::new(writer.clone()),
            true if terminal && color_is_welcome(|name| env::var_os(name)) => {
                BoxMakeWriter::new(Human::new(writer.clone()).colored())
            }
            true => BoxMakeWriter::new(Human::new(writer.clone())),
        };
        let mut layer = JsonLayer::new(lines).limits(self.limits);
        if !self.redact {
            layer = layer.without_redaction();
        }
        let guard = Guard::new(writer, Arc::clone(layer.gate()));
        let ignored = &self.directives.ignored;
        let open = (!ignored.is_empty()).then(|| (TARGET.to_owned(), LevelFilter::WARN));
        let filter = self.directives.filter(open);
        let subscriber = tracing_subscriber::registry().with(filter).with(layer);
        set_global_default(subscriber).map_err(|_taken| InitError(()))?;
        if !ignored.is_empty() {
            let parts: Vec<_> = ignored.iter().map(Ignored::part).collect();
            let told: Vec<_> = ignored.iter().map(ToString::to_string).collect();
            tracing::warn!(
                target: TARGET,
                event = "log.setting_ignored",
                variable = VARIABLE,
                ignored = parts.join(","),
                "{VARIABLE}: {}",
                told.join("; ")
            );
        }
        if let Some(other) = self.unread {
            tracing::warn!(
                target: TARGET,
                event = "log.setting_ignored",
                variable = OTHER_VARIABLE,
                ignored = other,
                "{OTHER_VARIABLE} is not read: set {VARIABLE} instead"
            );
        }
        Ok(guard)
    }
}

/// The variable of other loggers.
const OTHER_VARIABLE: &str = "RUST_LOG";

/// The text of an environment variable; empty if there is none.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| match error {
        VarError::NotPresent => String::new(),
        VarError::NotUnicode(text) => text.to_string_lossy().into_owned(),
    })
}

const TARGET: &str = "buttress::log";

/// Not if `NO_COLOR` has a value (<https://no-color.org>), nor on a terminal that calls itself dumb.
fn color_is_welcome(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("NO_COLOR").is_none_or(|value| value.is_empty())
        && variable("TERM").is_none_or(|term| term != "dumb")
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("directives", &self.directives)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The program has a global `tracing` subscriber already: ours from an earlier [`init`], or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitError(());

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the program has a global tracing subscriber already")
    }
}

impl std::error::Error for InitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_where_it_is_welcome() {
        for (no_color, term, expected) in [
            (None, Some("xterm"), true),
            (None, None, true),
            (Some(""), Some("xterm"), true),
            (Some("1"), Some("xterm"), false),
            (None, Some("dumb"), false),
        ] {
            let variable = |name: &str| if name == "TERM" { term } else { no_color }.map(OsString::from);
            assert_eq!(color_is_welcome(variable), expected, "{no_color:?} {term:?}");
        }
    }
}
