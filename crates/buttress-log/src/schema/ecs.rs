//! Elastic Common Schema, by `spec/spec.json` of `elastic/ecs-logging`.

use crate::schema::native_line::{NativeLine, member, optional};

/// The version of the schema that has these members.
const VERSION: &str = "\"8.11.0\"";

pub(super) fn render(line: &NativeLine<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    // Required, and in this order.
    member(out, "@timestamp", line.timestamp);
    member(out, "log.level", "\"");
    out.extend_from_slice(line.level.as_bytes());
    out.push(b'"');
    member(out, "message", line.message);
    member(out, "ecs.version", VERSION);
    member(out, "log.logger", line.target);
    optional(out, "trace.id", line.trace_id);
    optional(out, "span.id", line.span_id);
    optional(out, "http.request.id", line.request_id);
    if line.error.is_some() {
        optional(out, "error.type", line.error_member("kind"));
        optional(out, "error.code", line.error_member("reason"));
        optional(out, "error.message", line.error_member("message"));
        member(out, "error.stack_trace", "");
        line.append_stack(out);
    }
    append_labels(line, out);
    out.push(b'}');
}

/// The fields are labels: the schema knows no others, and a name such as `host` would be an object for it.
fn append_labels(line: &NativeLine<'_>, out: &mut Vec<u8>) {
    if line.fields().next().is_none() && line.dropped_fields.is_none() {
        return;
    }
    member(out, "labels", "{");
    let labels = out.len();
    if let Some(dropped) = line.dropped_fields {
        member(out, "dropped_fields", dropped);
    }
    for (index, (name, value)) in line.fields().enumerate() {
        out.extend_from_slice(if out.last() == Some(&b'{') { b"\"" } else { b",\"" });
        let start = out.len();
        out.extend(sanitized(name));
        // Two names may become one.
        while is_written(&out[labels - 1..start], &out[start..])
            || line.fields().skip(index + 1).any(|(later, _)| later.as_bytes() == &out[start..])
        {
            out.push(b'_');
        }
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
}

/// A name without the characters that the name of a label may not have: dots, stars and backslashes. It is escaped as in JSON.
fn sanitized(name: &str) -> impl Iterator<Item = u8> {
    let mut bytes = name.as_bytes().iter().copied();
    let mut in_escape = false;
    std::iter::from_fn(move || {
        let byte = bytes.next()?;
        if in_escape {
            in_escape = false;
            return Some(byte);
        }
        Some(match byte {
            b'.' | b'*' => b'_',
            // An escaped backslash has two bytes; of other escapes the backslash stays.
            b'\\' if bytes.clone().next() == Some(b'\\') => {
                bytes.next();
                b'_'
            }
            _ => {
                in_escape = byte == b'\\';
                byte
            }
        })
    })
}

/// Returns `true` if one of these members has the name `name`. Within a string, no quote follows a comma or a brace: it would be
/// escaped.
fn is_written(members: &[u8], name: &[u8]) -> bool {
    members.windows(name.len() + 4).any(|window| {
        matches!(window[..2], [b'{' | b',', b'"'])
            && window[2..].starts_with(name)
            && window.ends_with(b"\":")
    })
}
