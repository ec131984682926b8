//! What the context of the call puts into every line.

use std::fmt::Write;

use buttress_context::{Context, Value};

use crate::callsite;
use crate::fields::Fields;
use crate::json::{self, Text};
use crate::key::Role;
use crate::limits::Limits;
use crate::redact::REDACTED;
use crate::value::Value as Field;

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
        fields.add(&key, limits.fields(), |out| {
            let value = match value {
                _ if redact && key.role == Role::Secret => return out.extend_from_slice(REDACTED.as_bytes()),
                Value::Str(value) => Field::Str(value),
                Value::I64(value) => Field::I64(*value),
                Value::U64(value) => Field::U64(*value),
                Value::F64(value) => Field::F64(*value),
                Value::Bool(value) => Field::Bool(*value),
                other => {
                    let mut text = Text::open(out, limits.field());
                    let _ = write!(text, "{other:?}");
                    return text.close();
                }
            };
            value.write(out, limits.field());
        });
    }
}
