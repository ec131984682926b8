//! What the current context adds to a line.

use buttress_context::Context;
#[cfg(not(feature = "opentelemetry"))]
use buttress_context::Trace;

use crate::encode::callsite;
use crate::encode::fields::Fields;
#[cfg(feature = "opentelemetry")]
use crate::encode::opentelemetry;
use crate::encode::value::{Value, ValueFormat};
use crate::json::string::string;

/// Appends the ids of the request and of the trace.
pub(crate) fn append_ids(out: &mut Vec<u8>, context: &Context, format: ValueFormat<'_>) {
    if let Some(id) = context.request_id() {
        out.extend_from_slice(b",\"request_id\":");
        // That of a client may be a token.
        let mut own = [0; 36];
        let id = id.as_str(&mut own);
        if id.len() == 36 { string(out, id, 256) } else { format.string(out, id, 256) }
    }
    #[cfg(feature = "opentelemetry")]
    let span = opentelemetry::current_span();
    #[cfg(not(feature = "opentelemetry"))]
    let span: Option<Trace> = None;
    if let Some(trace) = span.as_ref().or(context.trace()) {
        hex_member(out, ",\"trace_id\":\"", &trace.trace_id().to_u128().to_be_bytes());
        hex_member(out, ",\"span_id\":\"", &trace.span_id().to_u64().to_be_bytes());
        hex_member(out, ",\"trace_flags\":\"", &[trace.flags()]);
    }
}

fn hex_member(out: &mut Vec<u8>, key: &str, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(key.as_bytes());
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'"');
}

/// Adds the fields of the context, in at most `max` bytes.
pub(crate) fn add_fields(fields: &mut Fields, context: &Context, max: usize, format: ValueFormat<'_>) {
    for (name, value) in context.fields() {
        let name = callsite::context_field_name(name);
        fields.add(name, max, |out| format.write_field(out, name, Value::from(value)));
    }
}
