//! `JsonLayer`: the `tracing` layer that writes the lines.

use std::sync::Arc;

use buttress_context::Context as Cx;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::callsite::Callsite;
use crate::fields::Fields;
use crate::key::{Key, REDACTED, Role};
use crate::limits::Limits;
use crate::scratch::Scratch;
use crate::sink::Gate;
use crate::slots::LayerNumber;
use crate::span::{Epoch, Spans};
use crate::value::{Each, Value};
use crate::{Losses, callsite, context, error, json, time};

/// A `tracing` layer that writes every event as one line of JSON, with one `write` each.
///
/// A line has, in this order: `timestamp` (RFC 3339, UTC, microseconds), `level`, `message`, `target`; of the
/// [context](buttress_context::Context) `request_id`, `trace_id`, `span_id` and its fields; the fields of the spans
/// around it; its own fields; `dropped_fields` if some did not fit; `error`. So a line that somebody cuts keeps the
/// useful part.
///
/// A key stands once in a line: an inner span's field hides an outer one's, an event's hides both. The names above
/// are ours; a user's field of such a name gets an underscore (`level_`). Two fields of one name in one event or
/// span are told apart the same way.
///
/// Nothing is allocated for an event once a thread has logged from the same places before, except for a line or a field
/// of many kilobytes.
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
    writer: W,
    limits: Limits,
    redact: bool,
    number: LayerNumber,
    epoch: Epoch,
    gate: Arc<Gate>,
}

impl<W> JsonLayer<W> {
    /// Writes to `writer`: `std::io::stderr`, or any other [`MakeWriter`]. Secrets are redacted.
    ///
    /// One thread at a time uses the writer, so the pieces of a line that it takes in pieces stay together. A line that it
    /// takes in part is lost, and the next one begins on a new line. A writer that panics loses the line that it was
    /// writing, and nothing else; what a writer logs itself while it writes is left out. All of that is counted in
    /// [`losses`](Self::losses). A writer must not wait for another thread that logs.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            limits: Limits::default(),
            redact: true,
            number: LayerNumber::new(),
            epoch: Epoch::default(),
            gate: Arc::default(),
        }
    }

    /// Changes the size limits. Default: 8 KiB a field, 64 KiB a line.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Writes the values of fields whose name says that they are secret. For a program's own tests.
    #[must_use]
    pub const fn without_redaction(mut self) -> Self {
        self.redact = false;
        self
    }

    /// The counters of what was lost, to be kept when the layer is given away.
    #[must_use]
    pub fn losses(&self) -> Arc<Losses> {
        Arc::clone(self.gate.losses())
    }

    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    const fn spans(&self) -> Spans<'_> {
        Spans { layer: self.number.get(), epoch: &self.epoch, redact: self.redact, max: self.limits.fields() }
    }

    fn field(&self, fields: &mut Fields, key: &Key, value: Value<'_>) {
        fields.add(key, self.limits.fields(), |out| {
            if self.redact && key.role.hides(value) {
                out.extend_from_slice(REDACTED.as_bytes());
            } else {
                value.write(out, self.limits.field(), self.redact);
            }
        });
    }

    /// The error object. An `error` that is only text is an object too, so that readers find one shape.
    fn error(&self, out: &mut Vec<u8>, value: Value<'_>) {
        out.clear();
        match value {
            Value::Error(error) => error::write(out, error, self.limits.field(), self.redact),
            _ => error::write_message(out, |out| value.write_text(out, self.limits.field())),
        }
    }

    fn encode<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, scratch: &mut Scratch)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Scratch { line, context, fields, error } = scratch;
        let callsite = Callsite::of(event.metadata());
        line.extend_from_slice(b"{\"timestamp\":\"");
        time::now(line);
        line.extend_from_slice(callsite::head(*event.metadata().level()));

        // Foreign code runs here, and only here: no lock is held, and nothing else is half done.
        let message = line.len();
        event.record(&mut Each(|field: &_, value: Value<'_>| {
            let key = &callsite.keys[tracing::field::Field::index(field)];
            match key.role {
                Role::Message => {
                    line.truncate(message); // An event made by hand may bring it twice.
                    value.write_text(line, self.limits.field());
                }
                Role::Error => self.error(error, value),
                Role::Plain | Role::Secret | Role::SecretText => self.field(fields, key, value),
            }
        }));
        if line.len() == message {
            line.extend_from_slice(b"\"\"");
        }
        line.extend_from_slice(&callsite.target);

        Cx::read(|cx| {
            context::append_ids(line, cx);
            context::encode(context, cx, &self.limits, self.redact);
        });
        // What is inside is known by now, so what it leaves for the outside is known too.
        let after = fields.text_len() + error.len() + b",\"dropped_fields\":4294967295,\"error\":}\n".len();
        let room = self.limits.record().saturating_sub(after);
        let in_span = ctx.event_span(event).and_then(|span| {
            self.spans().fields(&span, |span| {
                let outside = context.append_to(line, &[span, fields], room.saturating_sub(span.text_len()));
                outside + span.append_to(line, &[fields], room)
            })
        });
        let outside = in_span.unwrap_or_else(|| context.append_to(line, &[fields], room));
        let dropped = outside + fields.append_to(line, &[], usize::MAX);
        if dropped > 0 {
            line.extend_from_slice(b",\"dropped_fields\":");
            json::integer(line, dropped);
            self.gate.losses().add_dropped_fields(dropped);
        }
        if !error.is_empty() {
            line.extend_from_slice(b",\"error\":");
            line.extend_from_slice(error);
        }
        line.extend_from_slice(b"}\n");
    }
}

impl<S, W> Layer<S> for JsonLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        Scratch::lend(|scratch| {
            let callsite = Callsite::of(attributes.metadata());
            attributes.record(&mut Each(|field: &tracing::field::Field, value: Value<'_>| {
                self.field(&mut scratch.fields, &callsite.keys[field.index()], value);
            }));
            self.spans().enter_new(&span, &scratch.fields);
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        Scratch::lend(|scratch| {
            let callsite = Callsite::of(span.metadata());
            values.record(&mut Each(|field: &tracing::field::Field, value: Value<'_>| {
                self.field(&mut scratch.fields, &callsite.keys[field.index()], value);
            }));
            self.spans().record(&span, &scratch.fields);
        });
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        Scratch::lend(|scratch| {
            self.encode(event, &ctx, scratch);
            self.gate.write(&self.writer, &scratch.line, event.metadata());
        });
    }
}
