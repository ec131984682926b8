//! `Schema`: whose words a JSON line has.

use std::sync::Arc;

use crate::schema::native_line::NativeLine;
use crate::schema::writer::SchemaWriter;
use crate::schema::{datadog, ecs, gcp, otel, simple};

/// The names, the order and the forms of the members of a JSON line.
///
/// Whatever the schema, a line has no key twice: a user's field whose name the schema uses itself gets an underscore.
///
/// | schema | time, level, message, logger | ids | error | fields |
/// |---|---|---|---|---|
/// | `Native` | `timestamp` `level` `message` `target` | `request_id` `trace_id` `span_id` `trace_flags` | the object `error` | at the root |
/// | `Simple` | `ts` `level` `msg` `logger` | as native | `exception`, `traceback` | at the root |
/// | `Ecs` | `@timestamp` `log.level` `message` `log.logger` | `trace.id` `span.id` `http.request.id` | `error.type` `error.message` `error.stack_trace` | in `labels` |
/// | `Gcp` | `time` `severity` `message` `logger` | `logging.googleapis.com/trace` and its siblings | the object `error`; `@type` at ERROR | at the root |
/// | `Datadog` | `timestamp` `status` `message` `logger.name` | `dd.trace_id` `dd.span_id` (decimal, 64 bits) `http.request_id` | `error.kind` `error.message` `error.stack` | at the root |
/// | `Otel` | `Timestamp` `SeverityText` `SeverityNumber` `Body` `InstrumentationScope` | `TraceId` `SpanId` `TraceFlags` | `exception.type` `exception.message` `exception.stacktrace` | in `Attributes` |
///
/// ```
/// use buttress_log::{JsonLayer, Schema};
///
/// let layer = JsonLayer::new(Schema::Ecs.writer(std::io::stderr));
/// # let _ = layer;
/// ```
///
/// Sources: the machine-readable `spec/spec.json` of `elastic/ecs-logging`; Cloud Logging, "Structured logging" and "Format a
/// log entry to report error events"; Datadog, "Connect OpenTelemetry Traces and Logs"; OpenTelemetry, "Logs Data Model".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schema {
    /// The names of this crate.
    #[default]
    Native,
    /// Short names, as scripts use them.
    Simple,
    /// Elastic Common Schema, for Elasticsearch.
    Ecs,
    /// Google Cloud Logging and Error Reporting.
    Gcp {
        /// The id of the project that the traces belong to. Without it, the line has the bare trace id.
        project: Option<Arc<str>>,
    },
    /// Datadog.
    Datadog,
    /// OpenTelemetry's log data model.
    Otel,
}

impl Schema {
    /// Returns a writer for a [`JsonLayer`](crate::JsonLayer) that passes lines of this schema to `writer`.
    pub const fn writer<W>(self, writer: W) -> SchemaWriter<W> {
        SchemaWriter::new(self, writer)
    }

    /// Appends the line of this crate in the words of the schema. Returns `false` if it is not a line of this crate.
    pub(super) fn render(&self, line: &str, out: &mut Vec<u8>) -> bool {
        let Some(line) = NativeLine::parse(line) else { return false };
        match self {
            Self::Native => return false,
            Self::Simple => simple::render(&line, out),
            Self::Ecs => ecs::render(&line, out),
            Self::Gcp { project } => gcp::render(&line, project.as_deref(), out),
            Self::Datadog => datadog::render(&line, out),
            Self::Otel => otel::render(&line, out),
        }
        out.push(b'\n');
        true
    }
}
