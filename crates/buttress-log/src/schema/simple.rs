//! Short names: `ts`, `level`, `logger`, `msg`, `exception`, `traceback`.

use crate::schema::native_line::{NativeLine, member, optional};

const RESERVED: &[&str] = &["ts", "logger", "msg", "exception", "traceback"];

pub(super) fn render(line: &NativeLine<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    member(out, "ts", line.timestamp);
    member(out, "level", "\"");
    out.extend_from_slice(line.level.as_bytes());
    out.push(b'"');
    member(out, "logger", line.target);
    member(out, "msg", line.message);
    optional(out, "source_location", line.at);
    optional(out, "request_id", line.request_id);
    optional(out, "trace_id", line.trace_id);
    optional(out, "span_id", line.span_id);
    optional(out, "trace_flags", line.trace_flags);
    line.append_fields(out, RESERVED);
    optional(out, "dropped_fields", line.dropped_fields);
    if line.error.is_some() {
        optional(out, "exception", line.error_member("message"));
        member(out, "traceback", "");
        line.append_stack(out);
    }
    out.push(b'}');
}
