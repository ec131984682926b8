//! What the context of the call puts into every line.

use buttress_context::Context;

use crate::callsite;
use crate::fields::Fields;
use crate::json;
use crate::key::REDACTED;
use crate::limits::Limits;
use crate::value::Value;

/// Appends the ids of the call.
pub(crate) fn append_ids(out: &mut Vec<u8>, cx: &Context) {
    if let Some(id) = cx.request_id() {
        out.extend_from_slice(b",\"request_id\":");
        json::string(out, id.as_str(&mut [0; 36]), 256);
    }
    if let Some(trace) = cx.trace() {
        hex(out, ",\"trace_id\":\"", &trace.trace_id().to_u128().to_be_bytes());
        hex(out, ",\"span_id\":\"", &trace.span_id().to_u64().to_be_bytes());
    }
}

fn hex(out: &mut Vec<u8>, head: &str, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(head.as_bytes());
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'"');
}

/// Encodes the fields of the context.
pub(crate) fn encode(fields: &mut Fields, cx: &Context, limits: &Limits, redact: bool) {
    for (name, value) in cx.fields() {
        let key = callsite::key(name);
        let value = Value::from(value);
        fields.add(key, limits.fields(), |out| {
            if redact && key.role.hides(value) {
                out.extend_from_slice(REDACTED.as_bytes());
            } else {
                value.write(out, limits.field(), redact);
            }
        });
    }
}
