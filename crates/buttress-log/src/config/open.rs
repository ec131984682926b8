//! From the settings of a sink to its layer.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layered};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::config::format::Format;
use crate::config::init_error::InitError;
use crate::config::sink::SinkSettings;
#[cfg(feature = "log")]
use crate::encode::log_record;
use crate::encode::own_record::write_losses;
use crate::human::Human;
use crate::human::render::render;
use crate::layer::JsonLayer;
use crate::levels::{LevelFilterLayer, SinkLevels};
use crate::schema::{self, Schema};
use crate::sink::guard::{OpenSink, SharedWriter};
use crate::sink::line_sink::LineSink;
use crate::sink::losses::{LossCounters, LostLines};
use crate::sink::queue::{EncodeLosses, QueueHandle, QueuedWriter};

/// The subscriber that the layers of the sinks are above.
pub(super) type Filtered = Layered<LevelFilterLayer, Registry>;

/// A sink that is ready to write.
pub(super) struct OpenedSink {
    pub(super) layer: Box<dyn Layer<Filtered> + Send + Sync>,
    pub(super) sink: OpenSink,
}

/// What the lines of a sink look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Json(Schema),
    Human,
    ColoredHuman,
}

impl Style {
    pub(super) fn new(format: Format, schema: Schema, is_terminal: bool) -> Self {
        match format {
            Format::Json => Self::Json(schema),
            Format::Auto if !is_terminal => Self::Json(schema),
            Format::Auto | Format::Human if is_terminal && allows_color(|name| env::var_os(name)) => {
                Self::ColoredHuman
            }
            Format::Auto | Format::Human => Self::Human,
        }
    }
}

/// Makes the layer of a sink.
pub(super) fn open<W>(writer: W, settings: SinkSettings) -> Result<OpenedSink, InitError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let losses = Arc::<LossCounters>::default();
    let Some(queue) = settings.queue else {
        let writer = SharedWriter::new(writer);
        let front = Arc::new(LineSink::counting_in(losses).reporting(Arc::clone(&settings.name)));
        return Ok(match settings.style.clone() {
            Style::Json(Schema::Native) => direct(writer, front, settings),
            Style::Json(schema) => direct(schema.writer(writer), front, settings),
            Style::Human => direct(Human::new(writer), front, settings),
            Style::ColoredHuman => direct(Human::new(writer).colored(), front, settings),
        });
    };
    let style = settings.style.clone();
    let encode: EncodeLosses = Box::new(move |out, lost| write_styled_losses(out, lost, &style));
    let name = Arc::clone(&settings.name);
    let queue = QueueHandle::start(queue, name, Box::new(EachWrite(writer)), Arc::clone(&losses), encode)?;
    let sink = OpenSink::queued(Arc::clone(&settings.name), queue.clone(), Arc::clone(&losses));
    let front = Arc::new(LineSink::of_queue(losses));
    let queued = QueuedWriter::new(queue);
    let layer = match settings.style.clone() {
        Style::Json(Schema::Native) => layer(queued, front, settings),
        Style::Json(schema) => layer(schema.writer(queued), front, settings),
        Style::Human => layer(Human::new(queued), front, settings),
        Style::ColoredHuman => layer(Human::new(queued).colored(), front, settings),
    };
    Ok(OpenedSink { layer, sink })
}

fn direct<L>(lines: L, front: Arc<LineSink>, settings: SinkSettings) -> OpenedSink
where
    L: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let sink = OpenSink::direct(Arc::clone(&settings.name), lines.clone(), Arc::clone(&front));
    OpenedSink { layer: layer(lines, front, settings), sink }
}

fn layer<L>(lines: L, front: Arc<LineSink>, settings: SinkSettings) -> Box<dyn Layer<Filtered> + Send + Sync>
where
    L: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let inner = JsonLayer::with_sink(lines, front)
        .limits(settings.limits)
        .redaction(settings.redaction)
        .number_forms(settings.numbers)
        .volume(settings.volume);
    let inner = if settings.location { inner.with_location() } else { inner };
    let inner = if settings.span_records { inner.with_span_records() } else { inner };
    match settings.levels {
        None => Box::new(inner),
        Some(levels) => Box::new(SinkLayer { levels, inner }),
    }
}

/// The layer of a sink that has levels of its own.
struct SinkLayer<L> {
    levels: SinkLevels,
    inner: L,
}

impl<L> SinkLayer<L> {
    fn enables(&self, event: &Event<'_>) -> bool {
        #[cfg(feature = "log")]
        if let Some(record) = log_record::metadata(event) {
            return self.levels.enables(&record);
        }
        self.levels.enables(event.metadata())
    }
}

impl<S, L> Layer<S> for SinkLayer<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.inner.on_register_dispatch(subscriber);
    }

    // Spans have no level for a sink: their fields are on the lines of all events in them.
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        self.inner.on_new_span(attributes, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        self.inner.on_record(id, values, ctx);
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        self.inner.on_enter(id, ctx);
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        self.inner.on_exit(id, ctx);
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if ctx.metadata(&id).is_some_and(|metadata| self.levels.enables(metadata)) {
            self.inner.on_close(id, ctx);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if self.enables(event) {
            self.inner.on_event(event, ctx);
        }
    }
}

/// Appends the record about lost lines in the style of the sink.
fn write_styled_losses(out: &mut Vec<u8>, lost: &LostLines, style: &Style) {
    let mut line = Vec::new();
    write_losses(&mut line, lost);
    match style {
        Style::Json(Schema::Native) => out.extend_from_slice(&line),
        Style::Json(schema) => schema::render(schema, &line, out),
        Style::Human | Style::ColoredHuman => {
            let colored = *style == Style::ColoredHuman;
            let human = std::str::from_utf8(&line).ok().and_then(|line| render(line, colored));
            out.extend_from_slice(human.as_deref().map_or(&line, |human| human.as_bytes()));
        }
    }
}

/// Makes a writer for each write.
struct EachWrite<W>(W);

impl<W: for<'a> MakeWriter<'a>> Write for EachWrite<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.make_writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.make_writer().flush()
    }
}

/// Returns `false` if `NO_COLOR` has a value (<https://no-color.org>), and on a terminal that calls itself dumb.
fn allows_color(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("NO_COLOR").is_none_or(|value| value.is_empty())
        && variable("TERM").is_none_or(|term| term != "dumb")
}

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
