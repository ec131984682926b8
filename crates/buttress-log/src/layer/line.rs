//! `LineEncoder`: makes the line of an event.

use std::time::Duration;

use buttress_context::Context as CallContext;
use tokio::time::Instant;
use tracing::field::Field;
use tracing::span::{Attributes, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::encode::buffers::LineBuffers;
use crate::encode::callsite::{Callsite, context_field_name, level_member};
use crate::encode::fields::Fields;
#[cfg(feature = "log")]
use crate::encode::log_record;
use crate::encode::name::{FieldName, Role};
use crate::encode::value::{FieldVisitor, Value, ValueFormat};
use crate::encode::{context, error, timestamp};
use crate::json::number::integer;
use crate::limits::Limits;
use crate::number_forms::NumberForms;
use crate::redaction::{Redaction, Redactor};
use crate::span::{LayerId, RecordEpoch, SpanStore};

/// The settings of a layer and what it knows of the spans.
#[derive(Debug)]
pub(super) struct LineEncoder {
    pub(super) limits: Limits,
    pub(super) redactor: Redactor,
    pub(super) numbers: NumberForms,
    /// Whether lines say where in the source they come from.
    pub(super) has_location: bool,
    /// Whether a record is written when a span closes.
    pub(super) has_span_records: bool,
    layer: LayerId,
    epoch: RecordEpoch,
}

impl LineEncoder {
    pub(super) fn new() -> Self {
        Self {
            limits: Limits::default(),
            redactor: Redactor::new(Redaction::new()),
            numbers: NumberForms::new(),
            has_location: false,
            has_span_records: false,
            layer: LayerId::new(),
            epoch: RecordEpoch::default(),
        }
    }

    fn format(&self) -> ValueFormat<'_> {
        ValueFormat { limit: self.limits.field(), redactor: self.redactor.when_on(), numbers: self.numbers }
    }

    fn spans(&self) -> SpanStore<'_> {
        SpanStore {
            layer: self.layer.get(),
            epoch: &self.epoch,
            redactor: self.redactor.when_on(),
            max: self.limits.fields(),
        }
    }

    fn add(&self, fields: &mut Fields, name: &FieldName, value: Value<'_>) {
        fields.add(name, self.limits.fields(), |out| self.format().write_field(out, name, value));
    }

    /// Encodes the fields of a new span.
    pub(super) fn new_span<S>(&self, attributes: &Attributes<'_>, span: &SpanRef<'_, S>)
    where
        S: for<'a> LookupSpan<'a>,
    {
        let callsite = Callsite::of(attributes.metadata());
        LineBuffers::with(|buffers| {
            attributes.record(&mut FieldVisitor(|field: &Field, value: Value<'_>| {
                self.add(&mut buffers.fields, &callsite.names[field.index()], value);
            }));
            self.spans().insert(span, &buffers.fields, &callsite.names, &mut buffers.merged);
        });
        if self.has_span_records {
            self.spans().start_times(span);
        }
    }

    /// Measures the times of a span.
    pub(super) fn enter<S: for<'a> LookupSpan<'a>>(&self, span: &SpanRef<'_, S>) {
        self.spans().times(span, |times| times.enter(Instant::now()));
    }

    /// Measures the times of a span.
    pub(super) fn exit<S: for<'a> LookupSpan<'a>>(&self, span: &SpanRef<'_, S>) {
        self.spans().times(span, |times| times.exit(Instant::now()));
    }

    /// Encodes the record of a span that has closed. Returns how many fields did not fit, or `None` if there is no record.
    pub(super) fn close<S>(&self, span: SpanRef<'_, S>, buffers: &mut LineBuffers) -> Option<u32>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let (busy, idle) = self.spans().times(&span, |times| times.close(Instant::now()))?;
        let LineBuffers { line, fields, .. } = buffers;
        let (metadata, callsite) = (span.metadata(), Callsite::of(span.metadata()));
        line.extend_from_slice(b"{\"timestamp\":\"");
        timestamp::append_now(line);
        line.extend_from_slice(level_member(*metadata.level()));
        line.extend_from_slice(b"\"span closed\"");
        line.extend_from_slice(&callsite.target);
        if self.has_location {
            line.extend_from_slice(&callsite.at);
        }
        let millis = |time: Duration| Value::F64(time.as_secs_f64() * 1e3);
        for (name, value) in [
            ("event", Value::Str("span.closed")),
            ("span", Value::Str(metadata.name())),
            ("busy_ms", millis(busy)),
            ("idle_ms", millis(idle)),
        ] {
            self.add(fields, context_field_name(name), value);
        }
        Some(self.finish(buffers, Some(span)))
    }

    /// Encodes fields that are recorded after their span has begun.
    pub(super) fn record<S>(&self, values: &Record<'_>, span: &SpanRef<'_, S>)
    where
        S: for<'a> LookupSpan<'a>,
    {
        let callsite = Callsite::of(span.metadata());
        LineBuffers::with(|buffers| {
            values.record(&mut FieldVisitor(|field: &Field, value: Value<'_>| {
                self.add(&mut buffers.fields, &callsite.names[field.index()], value);
            }));
            self.spans().record(span, &buffers.fields);
        });
    }

    /// Encodes an event into the empty `line` of the buffers. Returns how many fields did not fit.
    pub(super) fn event<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, buffers: &mut LineBuffers) -> u32
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let LineBuffers { line, fields, error, .. } = buffers;
        let callsite = Callsite::of(event.metadata());
        line.extend_from_slice(b"{\"timestamp\":\"");
        timestamp::append_now(line);
        line.extend_from_slice(level_member(*event.metadata().level()));

        // User code runs here and nowhere else: no lock is held, and nothing else is half done.
        let message = line.len();
        event.record(&mut FieldVisitor(|field: &Field, value: Value<'_>| {
            let name = &callsite.names[field.index()];
            match name.role {
                Role::Message => {
                    line.truncate(message); // An event that is built by hand may have its message twice.
                    value.write_text(line, self.format());
                }
                Role::Error => self.error_object(error, value),
                #[cfg(feature = "log")]
                Role::LogRecord => {}
                Role::Plain | Role::Secret | Role::SecretText | Role::Connection => {
                    self.add(fields, name, value);
                }
            }
        }));
        if line.len() == message {
            line.extend_from_slice(b"\"\"");
        }
        self.append_source(line, event, callsite);
        self.finish(buffers, ctx.event_span(event))
    }

    /// Appends what follows the source of a line: the ids, and the fields of the context, of the spans, and those in the
    /// buffers. Returns how many fields did not fit.
    fn finish<S>(&self, buffers: &mut LineBuffers, span: Option<SpanRef<'_, S>>) -> u32
    where
        S: for<'a> LookupSpan<'a>,
    {
        let LineBuffers { line, context, fields, error, merged } = buffers;
        CallContext::read(|call| {
            context::append_ids(line, call, self.format());
            context::add_fields(context, call, self.limits.fields(), self.format());
        });
        // The inner fields are encoded by now, so the room that they leave to the outer ones is known.
        let after = fields.text_len() + error.len() + b",\"dropped_fields\":4294967295,\"error\":}\n".len();
        let room = self.limits.line().saturating_sub(after);
        let in_span = span.and_then(|span| {
            self.spans().fields(&span, merged, |span| {
                let outer = context.append_to(line, &[span, fields], room.saturating_sub(span.text_len()));
                outer + span.append_to(line, &[fields], room)
            })
        });
        let outer = in_span.unwrap_or_else(|| context.append_to(line, &[fields], room));
        let dropped = outer + fields.append_to(line, &[], usize::MAX);
        if dropped > 0 {
            line.extend_from_slice(b",\"dropped_fields\":");
            integer(line, dropped);
        }
        if !error.is_empty() {
            line.extend_from_slice(b",\"error\":");
            line.extend_from_slice(error);
        }
        line.extend_from_slice(b"}\n");
        dropped
    }

    fn append_source(&self, line: &mut Vec<u8>, event: &Event<'_>, callsite: &Callsite) {
        #[cfg(feature = "log")]
        if callsite.may_be_log_record && log_record::append_source(line, event, self.has_location) {
            return;
        }
        #[cfg(not(feature = "log"))]
        let _ = event;
        line.extend_from_slice(&callsite.target);
        if self.has_location {
            line.extend_from_slice(&callsite.at);
        }
    }

    /// Encodes the error of an event. One that is only text is an object too, so that readers of the log find one shape.
    fn error_object(&self, out: &mut Vec<u8>, value: Value<'_>) {
        out.clear();
        match value {
            Value::Error(error) => error::write(out, error, self.format()),
            _ => error::write_text(out, |out| value.write_text(out, self.format())),
        }
    }
}
