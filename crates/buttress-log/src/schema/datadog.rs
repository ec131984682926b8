//! Datadog's reserved and standard attributes.

use crate::json::number::integer;
use crate::json::reader::string;
use crate::schema::native_line::{NativeLine, member, optional};

const RESERVED: &[&str] = &[
    "status",
    "service",
    "host",
    "ddsource",
    "ddtags",
    "date",
    "logger.name",
    "dd.trace_id",
    "dd.span_id",
    "http.request_id",
    "error.kind",
    "error.message",
    "error.stack",
];

pub(super) fn render(line: &NativeLine<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    member(out, "timestamp", line.timestamp);
    member(out, "status", status(line.level));
    member(out, "message", line.message);
    member(out, "logger.name", line.target);
    decimal_id(out, "dd.trace_id", line.trace_id);
    decimal_id(out, "dd.span_id", line.span_id);
    optional(out, "http.request_id", line.request_id);
    line.append_fields(out, RESERVED);
    optional(out, "dropped_fields", line.dropped_fields);
    if line.error.is_some() {
        optional(out, "error.kind", line.error_member("kind"));
        optional(out, "error.message", line.error_member("message"));
        member(out, "error.stack", "");
        line.append_stack(out);
    }
    out.push(b'}');
}

/// Datadog's ids are decimal numbers of 64 bits, in a string. Of a trace id those are the low ones.
fn decimal_id(out: &mut Vec<u8>, name: &str, id: Option<&str>) {
    let hex = id.and_then(string).filter(|hex| hex.is_ascii());
    let id = hex.and_then(|hex| u64::from_str_radix(&hex[hex.len().saturating_sub(16)..], 16).ok());
    if let Some(id) = id {
        member(out, name, "\"");
        integer(out, id);
        out.push(b'"');
    }
}

fn status(level: &str) -> &'static str {
    match level {
        "ERROR" => "\"error\"",
        "WARN" => "\"warn\"",
        "INFO" => "\"info\"",
        _ => "\"debug\"",
    }
}
