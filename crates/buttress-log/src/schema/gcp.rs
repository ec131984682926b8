//! Google Cloud Logging's structured logging, and Error Reporting.

use crate::json::reader::string;
use crate::schema::native_line::{NativeLine, member, optional};

const RESERVED: &[&str] = &["time", "severity", "logger", "httpRequest", "@type", "stack_trace", "exception"];
const TRACE: &str = "logging.googleapis.com/trace";
/// Error Reporting takes an entry of this type, whatever its text looks like.
const REPORTED_ERROR: &str =
    "\"type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent\"";

pub(super) fn render(line: &NativeLine<'_>, project: Option<&str>, out: &mut Vec<u8>) {
    out.push(b'{');
    member(out, "severity", severity(line.level));
    member(out, "time", line.timestamp);
    member(out, "message", line.message);
    member(out, "logger", line.target);
    if line.level == "ERROR" {
        member(out, "@type", REPORTED_ERROR);
    }
    if let Some(trace_id) = line.trace_id.and_then(string) {
        member(out, TRACE, "\"");
        if let Some(project) = project {
            out.extend_from_slice(b"projects/");
            out.extend(project.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"-:._".contains(byte)));
            out.extend_from_slice(b"/traces/");
        }
        out.extend_from_slice(trace_id.as_bytes());
        out.push(b'"');
        optional(out, "logging.googleapis.com/spanId", line.span_id);
        // The lowest bit of the flags.
        let flags = line.trace_flags.and_then(string).and_then(|flags| u8::from_str_radix(flags, 16).ok());
        let sampled = if flags.unwrap_or(0) & 1 == 1 { "true" } else { "false" };
        member(out, "logging.googleapis.com/trace_sampled", sampled);
    }
    if let Some((file, number)) = line.at.and_then(string).and_then(|at| at.rsplit_once(':')) {
        member(out, "logging.googleapis.com/sourceLocation", "{\"file\":\"");
        out.extend_from_slice(file.as_bytes());
        out.extend_from_slice(b"\",\"line\":\"");
        out.extend_from_slice(number.as_bytes());
        out.extend_from_slice(b"\"}");
    }
    optional(out, "request_id", line.request_id);
    line.append_fields(out, RESERVED);
    optional(out, "dropped_fields", line.dropped_fields);
    optional(out, "error", line.error);
    out.push(b'}');
}

fn severity(level: &str) -> &'static str {
    match level {
        "ERROR" => "\"ERROR\"",
        "WARN" => "\"WARNING\"",
        "INFO" => "\"INFO\"",
        _ => "\"DEBUG\"",
    }
}
