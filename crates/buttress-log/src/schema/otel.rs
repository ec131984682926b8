//! OpenTelemetry's log data model: the record's own fields at the root, everything else in `Attributes`.

use crate::json::number::integer;
use crate::json::reader::string;
use crate::schema::native_line::{NativeLine, member, optional};

const RESERVED: &[&str] = &["exception.type", "exception.message", "exception.stacktrace", "http.request.id"];

pub(super) fn render(line: &NativeLine<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    member(out, "Timestamp", "\"");
    match string(line.timestamp).and_then(nanos) {
        Some(nanos) => integer(out, nanos),
        None => out.push(b'0'),
    }
    out.push(b'"');
    let (number, text) = severity(line.level);
    member(out, "SeverityText", text);
    member(out, "SeverityNumber", number);
    member(out, "Body", line.message);
    optional(out, "TraceId", line.trace_id);
    optional(out, "SpanId", line.span_id);
    optional(out, "TraceFlags", line.trace_flags);
    member(out, "InstrumentationScope", "{\"Name\":");
    out.extend_from_slice(line.target.as_bytes());
    out.push(b'}');
    member(out, "Attributes", "{");
    if line.error.is_some() {
        optional(out, "exception.type", line.error_member("kind"));
        optional(out, "exception.message", line.error_member("message"));
        member(out, "exception.stacktrace", "");
        line.append_stack(out);
    }
    optional(out, "http.request.id", line.request_id);
    let start = out.len();
    line.append_fields(out, RESERVED);
    // The first of all attributes has no comma before it.
    if out[start - 1] == b'{' && out.get(start) == Some(&b',') {
        out.remove(start);
    }
    optional(out, "dropped_fields", line.dropped_fields);
    out.extend_from_slice(b"}}");
}

fn severity(level: &str) -> (&'static str, &'static str) {
    match level {
        "ERROR" => ("17", "\"ERROR\""),
        "WARN" => ("13", "\"WARN\""),
        "INFO" => ("9", "\"INFO\""),
        "DEBUG" => ("5", "\"DEBUG\""),
        _ => ("1", "\"TRACE\""),
    }
}

/// The nanoseconds since 1970 of a time such as `2026-01-15T03:00:12.345678Z`.
fn nanos(timestamp: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| timestamp.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second, micros) = (number(11..13)?, number(14..16)?, number(17..19)?, number(20..26)?);
    // The years begin in March, so that a leap day is the last day of one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = (365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day)
        .checked_sub(719_469)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    (seconds * 1_000_000 + micros).checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nanoseconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00.000000Z", Some(0)),
            ("2000-02-29T12:00:00.000001Z", Some(951_825_600_000_001_000)),
            ("2026-01-15T03:00:12.345678Z", Some(1_768_446_012_345_678_000)),
            ("2026-01", None),
            ("yyyy-01-15T03:00:12.345678Z", None),
        ] {
            assert_eq!(nanos(text), expected, "{text}");
        }
    }
}
