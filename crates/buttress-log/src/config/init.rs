//! `Config` and `init`: one subscriber for the whole program.

use std::env::{self, VarError};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::config::directives::Directives;
use crate::config::format::Format;
use crate::config::target_levels::TargetLevels;
use crate::human::Human;
use crate::layer::JsonLayer;
use crate::limits::Limits;
use crate::redaction::Redaction;
use crate::sink::guard::{FlushGuard, SharedWriter};

/// The name of the environment variable that [`init`] reads.
pub const ENV_VAR: &str = "BUTTRESS_LOG";

/// The variable of other loggers.
const FOREIGN_ENV_VAR: &str = "RUST_LOG";

/// The target of this crate's own events.
const TARGET: &str = "buttress::log";

/// Logs to standard error, as the environment variable `BUTTRESS_LOG` says.
///
/// The variable has directives, separated by commas and in any order: a format (`json`, `human`, or `auto`, the default:
/// `human` if standard error is a terminal), a level (`off`, `error`, `warn`, `info`, `debug`, `trace`; default `info`) and
/// levels of targets (`hyper=warn`). A target includes the targets below it: `hyper` includes `hyper::client`, not
/// `hyper_util`. The longest matching target decides.
///
/// A typo in the variable does not stop the program: a directive that has no meaning, or that a later one overrides, is
/// ignored, and a WARN line says so. Another WARN line is emitted if `RUST_LOG` is set, which is not read.
///
/// ```no_run
/// let _guard = buttress_log::init()?; // BUTTRESS_LOG=json,info,hyper=warn
/// # Ok::<_, buttress_log::InitError>(())
/// ```
///
/// # Errors
/// [`InitError`] if the program has a global subscriber already.
pub fn init() -> Result<FlushGuard, InitError> {
    Config::from_env().init()
}

/// The settings of the program's log, where [`init`] is not enough.
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
    redaction: Redaction,
    output: Option<Box<MakeOutput>>,
    /// The value of the variable that is not read, if it is set.
    foreign: Option<String>,
}

/// Makes the layer for a writer whose type is known to the closure alone. That is why no writer is boxed for each line.
type MakeOutput = dyn FnOnce(Style, Limits, Redaction) -> Output + Send + Sync;

struct Output {
    layer: Box<dyn Layer<Layered<TargetLevels, Registry>> + Send + Sync>,
    guard: FlushGuard,
}

#[derive(Clone, Copy)]
enum Style {
    Json,
    Human,
    ColoredHuman,
}

impl Config {
    /// Creates the default settings: format `auto`, level INFO, standard error. Does not read the environment.
    pub fn new() -> Self {
        Self {
            directives: Directives::default(),
            limits: Limits::default(),
            redaction: Redaction::new(),
            output: None,
            foreign: None,
        }
    }

    /// Reads the environment variable `BUTTRESS_LOG` (see [`init`]). What it does not set is as in [`new`](Self::new).
    pub fn from_env() -> Self {
        let text = read_env(ENV_VAR);
        let foreign = Some(read_env(FOREIGN_ENV_VAR)).filter(|other| !other.is_empty() && *other != text);
        Self { directives: Directives::parse(&text), foreign, ..Self::new() }
    }

    /// Sets the format.
    pub const fn format(mut self, format: Format) -> Self {
        self.directives.format = Some(format);
        self
    }

    /// Sets the level of all targets that have no level of their own. Default: INFO.
    pub const fn level(mut self, level: LevelFilter) -> Self {
        self.directives.level = Some(level);
        self
    }

    /// Sets the level of a target and of the targets below it (`hyper` includes `hyper::client`). A later call overrides an
    /// earlier one for the same target.
    pub fn target(mut self, target: impl Into<String>, level: LevelFilter) -> Self {
        let mut target = target.into();
        target.truncate(target.trim_end_matches("::").len());
        self.directives.targets.push((target, level));
        self
    }

    /// Sets the size limits. Default: 8 KiB per field, 64 KiB per line.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Writes to `writer` instead of standard error. [`Format::Auto`] is JSON then, and human lines have no color.
    pub fn writer<W>(mut self, writer: W) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        self.output =
            Some(Box::new(move |style, limits, redaction| output(writer, style, limits, redaction)));
        self
    }

    /// Sets which values are shown as `[redacted]`. Default: [`Redaction::new`].
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Writes the values of secret fields and the secrets in texts instead of `[redacted]`.
    pub fn without_redaction(self) -> Self {
        self.redaction(Redaction::off())
    }

    /// Installs the program's global subscriber. The guard flushes the writer when it is dropped: keep it in `main`.
    ///
    /// # Errors
    /// [`InitError`] if the program has a global subscriber already.
    pub fn init(self) -> Result<FlushGuard, InitError> {
        let Self { directives, limits, redaction, output: custom, foreign } = self;
        let is_terminal = custom.is_none() && io::stderr().is_terminal();
        let style = match directives.format.unwrap_or_default() {
            Format::Json => Style::Json,
            Format::Auto if !is_terminal => Style::Json,
            Format::Auto | Format::Human if is_terminal && allows_color(|name| env::var_os(name)) => {
                Style::ColoredHuman
            }
            Format::Auto | Format::Human => Style::Human,
        };
        let Output { layer, guard } = match custom {
            Some(make) => make(style, limits, redaction),
            None => output(|| io::stderr().lock(), style, limits, redaction),
        };
        let warnings = &directives.warnings;
        // The warnings are shown at any level.
        let own_level = (!warnings.is_empty()).then(|| (TARGET.to_owned(), LevelFilter::WARN));
        let filter = directives.filter(own_level);
        let subscriber = tracing_subscriber::registry().with(filter).with(layer);
        set_global_default(subscriber).map_err(|_already_set| InitError(()))?;
        if !warnings.is_empty() {
            let ignored: Vec<_> = warnings.iter().map(|warning| &*warning.directive).collect();
            let reasons: Vec<_> = warnings.iter().map(ToString::to_string).collect();
            tracing::warn!(
                target: TARGET,
                event = "log.setting_ignored",
                variable = ENV_VAR,
                ignored = ignored.join(","),
                "{ENV_VAR}: {}",
                reasons.join("; ")
            );
        }
        if let Some(value) = foreign {
            tracing::warn!(
                target: TARGET,
                event = "log.setting_ignored",
                variable = FOREIGN_ENV_VAR,
                ignored = value,
                "{FOREIGN_ENV_VAR} is not read: set {ENV_VAR} instead"
            );
        }
        Ok(guard)
    }
}

fn output<W>(writer: W, style: Style, limits: Limits, redaction: Redaction) -> Output
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let writer = SharedWriter::new(writer);
    match style {
        Style::Json => layer_and_guard(writer.clone(), writer, limits, redaction),
        Style::Human => layer_and_guard(Human::new(writer.clone()), writer, limits, redaction),
        Style::ColoredHuman => {
            layer_and_guard(Human::new(writer.clone()).colored(), writer, limits, redaction)
        }
    }
}

fn layer_and_guard<L, W>(lines: L, writer: SharedWriter<W>, limits: Limits, redaction: Redaction) -> Output
where
    L: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = JsonLayer::new(lines).limits(limits).redaction(redaction);
    let guard = FlushGuard::new(writer, Arc::clone(layer.sink()));
    Output { layer: Box::new(layer), guard }
}

/// The text of an environment variable; empty if it is not set.
fn read_env(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| match error {
        VarError::NotPresent => String::new(),
        VarError::NotUnicode(text) => text.to_string_lossy().into_owned(),
    })
}

/// Returns `false` if `NO_COLOR` has a value (<https://no-color.org>), and on a terminal that calls itself dumb.
fn allows_color(variable: impl Fn(&str) -> Option<OsString>) -> bool {
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
            .field("redaction", &self.redaction)
            .finish_non_exhaustive()
    }
}

/// A global `tracing` subscriber is set already: ours from an earlier [`init`], or another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitError(());

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a global tracing subscriber is already set")
    }
}

impl std::error::Error for InitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_follows_no_color_and_term() {
        for (no_color, term, expected) in [
            (None, Some("xterm"), true),
            (None, None, true),
            (Some(""), Some("xterm"), true),
            (Some("1"), Some("xterm"), false),
            (None, Some("dumb"), false),
        ] {
            let variable = |name: &str| if name == "TERM" { term } else { no_color }.map(OsString::from);
            assert_eq!(allows_color(variable), expected, "{no_color:?} {term:?}");
        }
    }
}
