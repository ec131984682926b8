//! `Config` and `init`: one subscriber for the whole program.

use std::env::{self, VarError};

#[cfg(feature = "log")]
use tracing::dispatcher;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
#[cfg(feature = "log")]
use tracing_log::LogTracer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::directives::Directives;
use crate::config::format::Format;
use crate::config::init_error::InitError;
use crate::config::sink::{Program, Sink};
use crate::levels::{LevelFilterLayer, LogHandle};
use crate::limits::Limits;
use crate::number_forms::NumberForms;
use crate::panics::log_panics;
use crate::redaction::Redaction;
use crate::schema::Schema;
use crate::sink::guard::FlushGuard;

/// The name of the environment variable that [`init`] reads.
pub const ENV_VAR: &str = "BUTTRESS_LOG";

/// The variable of other loggers.
const FOREIGN_ENV_VAR: &str = "RUST_LOG";

/// The target of this crate's own events.
pub(crate) const TARGET: &str = "buttress::log";

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
#[derive(Debug)]
pub struct Config {
    program: Program,
    sinks: Vec<Sink>,
    panics: bool,
    call_levels: LevelFilter,
    #[cfg(feature = "log")]
    log_records: bool,
    /// The value of the variable that is not read, if it is set.
    foreign: Option<String>,
}

impl Config {
    /// Creates the default settings: format `auto`, level INFO, standard error. Does not read the environment.
    pub fn new() -> Self {
        Self {
            program: Program {
                directives: Directives::default(),
                limits: Limits::default(),
                redaction: Redaction::new(),
                schema: Schema::Native,
                location: false,
                span_records: false,
                numbers: NumberForms::new(),
            },
            sinks: Vec::new(),
            panics: false,
            call_levels: LevelFilter::OFF,
            #[cfg(feature = "log")]
            log_records: false,
            foreign: None,
        }
    }

    /// Reads the environment variable `BUTTRESS_LOG` (see [`init`]). What it does not set is as in [`new`](Self::new).
    pub fn from_env() -> Self {
        let text = read_env(ENV_VAR);
        let foreign = Some(read_env(FOREIGN_ENV_VAR)).filter(|other| !other.is_empty() && *other != text);
        let mut config = Self { foreign, ..Self::new() };
        config.program.directives = Directives::parse(&text);
        config
    }

    /// Sets the format.
    pub const fn format(mut self, format: Format) -> Self {
        self.program.directives.format = Some(format);
        self
    }

    /// Sets the level of all targets that have no level of their own. Default: INFO.
    pub const fn level(mut self, level: LevelFilter) -> Self {
        self.program.directives.level = Some(level);
        self
    }

    /// Sets the level of a target and of the targets below it (`hyper` includes `hyper::client`). A later call overrides an
    /// earlier one for the same target.
    pub fn target(mut self, target: impl Into<String>, level: LevelFilter) -> Self {
        self.program.directives.add_target(target.into(), level);
        self
    }

    /// Lets a call enable events up to `max` for itself, with
    /// [`Context::with_log_level`](buttress_context::Context::with_log_level). Default: OFF, so that no call can.
    ///
    /// While it is on, a disabled event up to `max` costs a check of the context.
    ///
    /// ```no_run
    /// use buttress_context::Context;
    /// use tracing::level_filters::LevelFilter;
    ///
    /// let _guard = buttress_log::Config::from_env().call_levels(LevelFilter::DEBUG).init()?;
    /// Context::current().with_log_level(LevelFilter::DEBUG).run(|| tracing::debug!("logged for this call"));
    /// # Ok::<_, buttress_log::InitError>(())
    /// ```
    pub const fn call_levels(mut self, max: LevelFilter) -> Self {
        self.call_levels = max;
        self
    }

    /// Sets the size limits. Default: 8 KiB per field, 64 KiB per line.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.program.limits = limits;
        self
    }

    /// Sets the names and forms of the members of JSON lines. Default: [`Schema::Native`].
    pub fn schema(mut self, schema: Schema) -> Self {
        self.program.schema = schema;
        self
    }

    /// Sets how numbers are written that some readers cannot read. Default: [`NumberForms::new`].
    pub const fn number_forms(mut self, forms: NumberForms) -> Self {
        self.program.numbers = forms;
        self
    }

    /// Adds where in the source each event is logged: the member `source_location`.
    pub const fn with_location(mut self) -> Self {
        self.program.location = true;
        self
    }

    /// Logs each panic of the program; see [`log_panics`].
    pub const fn log_panics(mut self) -> Self {
        self.panics = true;
        self
    }

    /// Also writes the records of the crate `log`, with their own target and, with a location, their own place. Default: no.
    ///
    /// The levels apply to them as to events. A disabled record costs a check of the filter, which `log::set_max_level` avoids.
    #[cfg(feature = "log")]
    #[cfg_attr(docsrs, doc(cfg(feature = "log")))]
    pub const fn with_log_records(mut self) -> Self {
        self.log_records = true;
        self
    }

    /// Writes a record when a span closes; see [`JsonLayer::with_span_records`](crate::JsonLayer::with_span_records). Default: no.
    pub const fn with_span_records(mut self) -> Self {
        self.program.span_records = true;
        self
    }

    /// Adds a sink. Without one, lines go to standard error.
    pub fn sink(mut self, sink: Sink) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Adds a sink that writes to `writer`: [`Sink::writer`] without settings of its own. [`Format::Auto`] is JSON there.
    pub fn writer<W>(self, writer: W) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        self.sink(Sink::writer(writer))
    }

    /// Sets which values are shown as `[redacted]`. Default: [`Redaction::new`].
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.program.redaction = redaction;
        self
    }

    /// Writes the values of secret fields and the secrets in texts instead of `[redacted]`.
    pub fn without_redaction(self) -> Self {
        self.redaction(Redaction::off())
    }

    /// Installs the program's global subscriber. The guard flushes the sinks when it is dropped: keep it in `main`.
    ///
    /// # Errors
    /// [`InitError`] if the program has a global subscriber already, if a sink cannot be opened, if a setting of a queue is out
    /// of its range, or if records of the crate `log` go to another logger already. The program may then go on, or try other
    /// settings.
    pub fn init(self) -> Result<FlushGuard, InitError> {
        #[cfg(feature = "log")]
        let log_records = self.log_records;
        let Self { program, mut sinks, panics, call_levels, foreign, .. } = self;
        let directives = &program.directives;
        if sinks.is_empty() {
            sinks.push(Sink::stderr());
        }
        let warnings = &directives.warnings;
        // The warnings are shown at any level.
        let own_level = (!warnings.is_empty()).then(|| (TARGET.to_owned(), LevelFilter::WARN));
        let has_one_filter = sinks.len() == 1 || !sinks.iter().any(Sink::has_levels);
        let own_levels = sinks.iter().map(Sink::own_levels).collect();
        let filter = LevelFilterLayer::new(directives.levels(), own_levels, own_level.as_ref(), call_levels);
        let (mut layers, mut open) = (Vec::new(), Vec::new());
        for (index, sink) in sinks.into_iter().enumerate() {
            let levels = (!has_one_filter).then(|| filter.of_sink(index));
            let opened = match sink.open(&program, levels) {
                Ok(opened) => opened,
                Err(error) => {
                    // Ends the threads of the sinks before it.
                    drop(FlushGuard::new(open));
                    return Err(error);
                }
            };
            layers.push(opened.layer);
            open.push(opened.sink);
        }
        let guard = FlushGuard::new(open).with_handle(LogHandle::new(&filter));
        let subscriber = tracing_subscriber::registry().with(filter).with(layers);
        #[cfg(feature = "log")]
        if log_records && !dispatcher::has_been_set() {
            LogTracer::init().map_err(|_other_logger| InitError::logger_already_set())?;
        }
        set_global_default(subscriber).map_err(|_already_set| InitError::already_set())?;
        if panics {
            log_panics();
        }
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

/// The text of an environment variable; empty if it is not set.
fn read_env(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| match error {
        VarError::NotPresent => String::new(),
        VarError::NotUnicode(text) => text.to_string_lossy().into_owned(),
    })
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
