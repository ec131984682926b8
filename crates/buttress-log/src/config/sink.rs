//! `Sink`: a place where lines go, with its own format and filter.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use buttress_error::ConfigError;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::directives::Directives;
use crate::config::format::Format;
use crate::config::init_error::InitError;
use crate::config::open::{OpenedSink, Style, open};
use crate::levels::{OwnLevels, SinkLevels};
use crate::limits::Limits;
use crate::number_forms::NumberForms;
use crate::redaction::Redaction;
use crate::schema::Schema;
use crate::sink::file::RollingFile;
use crate::sink::queue::Queue;
use crate::volume::{Sampling, VolumeSettings};

/// A place where lines go. A program may have several, each with its own format and levels.
///
/// A sink writes directly, in the thread that logs, unless it has a [queue](Self::queue). What it does not set is as
/// [`Config`](crate::Config) says.
///
/// ```no_run
/// use buttress_log::{Config, Format, Queue, Sink};
/// use tracing::level_filters::LevelFilter;
///
/// let _guard = Config::from_env()
///     .sink(Sink::stderr().level(LevelFilter::WARN))
///     .sink(Sink::file("logs/app.log").format(Format::Json).queue(Queue::new()))
///     .init()?;
/// # Ok::<_, buttress_log::InitError>(())
/// ```
#[must_use = "nothing is written before it is part of a `Config`"]
pub struct Sink {
    name: Arc<str>,
    open: Box<Open>,
    is_terminal: fn() -> bool,
    format: Option<Format>,
    schema: Option<Schema>,
    levels: Directives,
    queue: Option<Queue>,
    redaction: Option<Redaction>,
    volume: VolumeSettings,
}

/// Opens a writer whose type is known to the closure alone. That is why no writer is boxed for each line.
type Open = dyn FnOnce(SinkSettings) -> Result<OpenedSink, InitError> + Send + Sync;

/// The settings of the whole program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) directives: Directives,
    pub(super) limits: Limits,
    pub(super) redaction: Redaction,
    pub(super) schema: Schema,
    pub(super) location: bool,
    /// Whether a record is written when a span closes.
    pub(super) span_records: bool,
    pub(super) numbers: NumberForms,
}

/// The settings of a sink, with those of the whole program where it has none of its own.
pub(super) struct SinkSettings {
    pub(super) name: Arc<str>,
    pub(super) style: Style,
    pub(super) limits: Limits,
    pub(super) redaction: Redaction,
    /// None if the filter of the whole program is enough.
    pub(super) levels: Option<SinkLevels>,
    pub(super) queue: Option<Queue>,
    /// Whether lines say where in the source they come from.
    pub(super) location: bool,
    /// Whether a record is written when a span closes.
    pub(super) span_records: bool,
    pub(super) numbers: NumberForms,
    pub(super) volume: VolumeSettings,
}

impl Sink {
    fn new(
        name: impl Into<Arc<str>>,
        open: impl FnOnce(SinkSettings) -> Result<OpenedSink, InitError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            open: Box::new(open),
            is_terminal: || false,
            format: None,
            schema: None,
            levels: Directives::default(),
            queue: None,
            redaction: None,
            volume: VolumeSettings::default(),
        }
    }

    /// Writes to standard error. [`Format::Auto`] is human if it is a terminal.
    pub fn stderr() -> Self {
        let sink = Self::new("stderr", |settings| open(|| io::stderr().lock(), settings));
        Self { is_terminal: || io::stderr().is_terminal(), ..sink }
    }

    /// Writes to standard output. [`Format::Auto`] is human if it is a terminal.
    pub fn stdout() -> Self {
        let sink = Self::new("stdout", |settings| open(|| io::stdout().lock(), settings));
        Self { is_terminal: || io::stdout().is_terminal(), ..sink }
    }

    /// Writes to a file, such as `"logs/app.log"` or a [`RollingFile`]. It is created if it is missing, and so are its
    /// directories.
    pub fn file(file: impl Into<RollingFile>) -> Self {
        let file = file.into();
        Self::opened_by(file.path().display().to_string(), || file.open())
    }

    /// Writes to a `writer` of one's own.
    pub fn writer<W>(writer: W) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        Self::new("writer", |settings| open(writer, settings))
    }

    /// Writes to what `make` opens when the log is set up. An error is one of `init`.
    pub(super) fn opened_by<W: Write + Send + 'static>(
        name: impl Into<Arc<str>>,
        make: impl FnOnce() -> Result<W, InitError> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, |settings| open(Mutex::new(make()?), settings))
    }

    /// Sets the format.
    pub fn format(self, format: Format) -> Self {
        Self { format: Some(format), ..self }
    }

    /// Sets the names and forms of the members of JSON lines.
    pub fn schema(self, schema: Schema) -> Self {
        Self { schema: Some(schema), ..self }
    }

    /// Sets the level of all targets that have no level of their own.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.levels.level = Some(level);
        self
    }

    /// Sets the level of a target and of the targets below it, for this sink.
    pub fn target(mut self, target: impl Into<String>, level: LevelFilter) -> Self {
        self.levels.add_target(target.into(), level);
        self
    }

    /// Sets format and levels by directives as in the variable `BUTTRESS_LOG`, such as `json,info,hyper=warn`.
    ///
    /// # Errors
    /// [`ConfigError`] if a directive has no meaning, or a later one overrides it.
    pub fn directives(mut self, directives: &str) -> Result<Self, ConfigError> {
        let parsed = Directives::parse(directives);
        if let Some(warning) = parsed.warnings.first() {
            return Err(ConfigError::new(
                "directives",
                "formats, levels and target=level",
                format_args!("{directives:?}, where {warning}"),
            ));
        }
        self.format = parsed.format.or(self.format);
        self.levels = Directives { format: None, ..parsed };
        Ok(self)
    }

    /// Puts a queue in front of the writer, which a thread of its own then uses.
    pub fn queue(self, queue: Queue) -> Self {
        Self { queue: Some(queue), ..self }
    }

    /// Sets which values are shown as `[redacted]`.
    pub fn redaction(self, redaction: Redaction) -> Self {
        Self { redaction: Some(redaction), ..self }
    }

    /// Logs only a part of the records of each callsite: see [`Sampling`]. May be called several times: the first sampling that
    /// matches a record decides.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.volume.samplings.push(sampling);
        self
    }

    /// Limits the bytes of the sink's lines to a number per second: see
    /// [`JsonLayer::bytes_per_second`](crate::JsonLayer::bytes_per_second).
    pub const fn bytes_per_second(mut self, bytes: NonZeroU64) -> Self {
        self.volume.bytes_per_second = Some(bytes);
        self
    }

    /// Returns `true` if the sink has levels of its own.
    pub(super) fn has_levels(&self) -> bool {
        self.levels.level.is_some() || !self.levels.targets.is_empty()
    }

    /// Returns the levels that the sink has of its own.
    pub(super) fn own_levels(&self) -> OwnLevels {
        OwnLevels { level: self.levels.level, targets: self.levels.targets.clone() }
    }

    /// Opens the sink. `levels` are none if those of the program are enough.
    pub(super) fn open(self, program: &Program, levels: Option<SinkLevels>) -> Result<OpenedSink, InitError> {
        let Program { directives, limits, redaction, schema, location, span_records, numbers } = program;
        let format = self.format.or(directives.format).unwrap_or_default();
        let schema = self.schema.unwrap_or_else(|| schema.clone());
        // Its log viewer shows the place.
        let location = *location || matches!(schema, Schema::Gcp { .. });
        let style = Style::new(format, schema, (self.is_terminal)());
        let Self { name, queue, open, redaction: own, volume, .. } = self;
        let redaction = own.unwrap_or_else(|| redaction.clone());
        open(SinkSettings {
            name,
            style,
            limits: *limits,
            redaction,
            levels,
            queue,
            location,
            span_records: *span_records,
            numbers: *numbers,
            volume,
        })
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("levels", &self.levels)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
