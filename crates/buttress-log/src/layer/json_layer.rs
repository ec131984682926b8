//! `JsonLayer`: the `tracing` layer that writes the lines.

use std::num::NonZeroU64;
use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::encode::buffers::LineBuffers;
use crate::layer::line::LineEncoder;
use crate::layer::output::Output;
use crate::limits::Limits;
use crate::number_forms::NumberForms;
use crate::redaction::{Redaction, Redactor};
use crate::sink::line_sink::LineSink;
use crate::sink::losses::LossCounters;
use crate::tail::{LineOutput, TailBuffer};
use crate::volume::{Sampling, VolumeGate, VolumeSettings};

/// A `tracing` layer that writes each event as one line of JSON, with one `write`.
///
/// The members of a line, in this order: `timestamp` (RFC 3339, UTC, microseconds), `level`, `message`, `target`; from the
/// [context](buttress_context::Context) `request_id`, `trace_id`, `span_id` and its fields; the fields of the enclosing spans;
/// the fields of the event; `dropped_fields` if some did not fit; `error`.
///
/// Each key occurs once in a line. A field of an inner span hides one of the same name of an outer span, and a field of the
/// event hides both. The names above are reserved: a user's field of such a name gets an underscore (`level_`), and so does
/// the second of two fields of one name in one event or span.
///
/// Logging an event does not allocate once the thread has logged from the same callsites before, unless a line or a field has
/// many kilobytes.
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(buttress_log::JsonLayer::new(std::io::stderr));
/// tracing::subscriber::with_default(subscriber, || {
///     let _span = tracing::info_span!("order", customer = 17).entered();
///     tracing::info!(amount = 4999, "paid"); // {"timestamp":…,"message":"paid",…,"customer":17,"amount":4999}
/// });
/// ```
#[derive(Debug)]
pub struct JsonLayer<W> {
    encoder: LineEncoder,
    volume: VolumeSettings,
    output: Arc<Output<W>>,
}

impl<W> JsonLayer<W> {
    /// Creates a layer that writes to `writer`: `std::io::stderr`, or any other [`MakeWriter`]. Secrets are redacted.
    ///
    /// One thread at a time uses the writer, so a line that the writer takes in pieces stays in one piece. A line that it
    /// takes only in part is lost, and the next one begins on a new line. A writer that panics loses the line that it was
    /// writing. Lines that the writer itself logs while it writes are dropped. [`losses`](Self::losses) counts all of them.
    /// A writer must not wait for another thread that logs: that would be a deadlock.
    pub fn new(writer: W) -> Self {
        Self::with_sink(writer, Arc::default())
    }

    pub(crate) fn with_sink(writer: W, sink: Arc<LineSink>) -> Self {
        let output = Output { writer, sink, volume: None };
        Self { encoder: LineEncoder::new(), volume: VolumeSettings::default(), output: Arc::new(output) }
    }

    /// Sets the size limits. Default: 8 KiB per field, 64 KiB per line.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.encoder.limits = limits;
        self
    }

    /// Sets which values are shown as `[redacted]`. Default: [`Redaction::new`].
    #[must_use]
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.encoder.redactor = Redactor::new(redaction);
        self
    }

    /// Writes the values of secret fields and the secrets in texts instead of `[redacted]`. For a program's own tests.
    #[must_use]
    pub fn without_redaction(self) -> Self {
        self.redaction(Redaction::off())
    }

    /// Sets how numbers are written that some readers cannot read. Default: [`NumberForms::new`].
    #[must_use]
    pub const fn number_forms(mut self, forms: NumberForms) -> Self {
        self.encoder.numbers = forms;
        self
    }

    /// Adds where in the source each event is logged: the member `source_location`, such as `src/pay.rs:88`, after the target.
    #[must_use]
    pub const fn with_location(mut self) -> Self {
        self.encoder.has_location = true;
        self
    }

    /// Writes a record when a span closes, at the level of the span: `span.closed`, with the name of the `span`, its fields, and the
    /// milliseconds for which it was entered (`busy_ms`) and not (`idle_ms`). Default: no.
    ///
    /// A span then costs one allocation more, and reads the clock whenever it is entered and left.
    #[must_use]
    pub const fn with_span_records(mut self) -> Self {
        self.encoder.has_span_records = true;
        self
    }

    /// Logs only a part of the records of each callsite: see [`Sampling`]. May be called several times: the first sampling that
    /// matches a record decides. Default: all records are logged.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.volume.samplings.push(sampling);
        self.limit_volume()
    }

    /// Limits the bytes of the lines to a number per second, and to as many at once after a quiet second. ERROR lines always
    /// pass, and those after them have less. Other lines are dropped, and at most once a second a WARN record `log.suppressed`
    /// has their number. Default: no limit.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: NonZeroU64) -> Self {
        self.volume.bytes_per_second = Some(bytes);
        self.limit_volume()
    }

    pub(crate) fn volume(mut self, settings: VolumeSettings) -> Self {
        self.volume = settings;
        self.limit_volume()
    }

    fn limit_volume(mut self) -> Self {
        // Nothing shares the output before the layer is in use.
        if let Some(output) = Arc::get_mut(&mut self.output) {
            output.volume = VolumeGate::new(&self.volume);
        }
        self
    }

    /// The counters of what was lost. Keep them before the layer moves into a subscriber.
    #[must_use]
    pub fn losses(&self) -> Arc<LossCounters> {
        Arc::clone(self.output.sink.losses())
    }
}

impl<W> JsonLayer<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    /// Writes an encoded line, and counts what is not in it.
    fn finish(&self, line: &[u8], dropped: u32, metadata: &'static Metadata<'static>) {
        if dropped > 0 {
            self.output.sink.losses().add_dropped_fields(dropped);
        }
        let redacted = self.encoder.redactor.take_redacted();
        if redacted > 0 {
            self.output.sink.losses().add_redacted(redacted);
        }
        if !TailBuffer::keeps(&self.output, line, metadata) {
            self.output.write_line(line, metadata);
        }
    }
}

impl<S, W> Layer<S> for JsonLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        if let Some(volume) = &self.output.volume {
            volume.register(subscriber);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id) {
            self.encoder.new_span(attributes, &span);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id) {
            self.encoder.record(values, &span);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if self.output.volume.as_ref().is_some_and(|volume| !volume.admits(event)) {
            self.output.sink.losses().add_suppressed();
            return;
        }
        LineBuffers::with(|buffers| {
            let dropped = self.encoder.event(event, &ctx, buffers);
            self.finish(&buffers.line, dropped, event.metadata());
        });
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if self.encoder.has_span_records
            && let Some(span) = ctx.span(id)
        {
            self.encoder.enter(&span);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if self.encoder.has_span_records
            && let Some(span) = ctx.span(id)
        {
            self.encoder.exit(&span);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if self.encoder.has_span_records
            && let Some(span) = ctx.span(&id)
        {
            LineBuffers::with(|buffers| {
                let metadata = span.metadata();
                if let Some(dropped) = self.encoder.close(span, buffers) {
                    self.finish(&buffers.line, dropped, metadata);
                }
            });
        }
    }
}
