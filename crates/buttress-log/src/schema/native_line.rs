//! `NativeLine`: a line of this crate, taken apart.

use crate::json::reader::{items, members, string};

/// The members of a line that the encoder makes, as JSON text. All others are fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NativeLine<'a> {
    line: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) level: &'a str,
    pub(super) message: &'a str,
    pub(super) target: &'a str,
    pub(super) at: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) trace_id: Option<&'a str>,
    pub(super) span_id: Option<&'a str>,
    pub(super) trace_flags: Option<&'a str>,
    pub(super) dropped_fields: Option<&'a str>,
    pub(super) error: Option<&'a str>,
}

impl<'a> NativeLine<'a> {
    /// Returns `None` if the text is not a line of this crate.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let mut parsed = Self { line, ..Self::default() };
        for (key, value) in members(line) {
            match key {
                "timestamp" => parsed.timestamp = value,
                "level" => parsed.level = string(value)?,
                "message" => parsed.message = value,
                "target" => parsed.target = value,
                "source_location" => parsed.at = Some(value),
                "request_id" => parsed.request_id = Some(value),
                "trace_id" => parsed.trace_id = Some(value),
                "span_id" => parsed.span_id = Some(value),
                "trace_flags" => parsed.trace_flags = Some(value),
                "dropped_fields" => parsed.dropped_fields = Some(value),
                "error" => parsed.error = Some(value),
                _ => {}
            }
        }
        let is_whole = ![parsed.timestamp, parsed.level, parsed.message, parsed.target].contains(&"");
        is_whole.then_some(parsed)
    }

    /// The fields: keys without quotes, and values as JSON text.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        members(self.line).filter(|(key, _)| !is_own(key))
    }

    /// Appends the fields as members. A name that `reserved` has gets underscores until it is free.
    pub(super) fn append_fields(&self, out: &mut Vec<u8>, reserved: &[&str]) {
        for (name, value) in self.fields() {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            if reserved.contains(&name) {
                let mut underscores = 1;
                while self.fields().any(|(other, _)| is_extended(name, other, underscores)) {
                    underscores += 1;
                }
                out.resize(out.len() + underscores, b'_');
            }
            out.extend_from_slice(b"\":");
            out.extend_from_slice(value.as_bytes());
        }
    }

    /// A member of the error object, as JSON text.
    pub(super) fn error_member(&self, name: &str) -> Option<&'a str> {
        let (_, value) = members(self.error?).find(|(key, _)| *key == name)?;
        (value != "null").then_some(value)
    }

    /// Appends the whole error as one string of several lines: its message, its causes, its notes, and where it was made.
    pub(super) fn append_stack(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        let mut line = |label: &str, text: &str| {
            if let Some(text) = string(text) {
                out.extend_from_slice(label.as_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        };
        line("", self.error_member("message").unwrap_or("\"\""));
        for (name, label) in [
            ("chain", "\\ncaused by: "),
            ("errors", "\\nerror: "),
            ("notes", "\\nnote: "),
            ("hints", "\\nhint: "),
        ] {
            items(self.error_member(name).unwrap_or("[]")).for_each(|item| line(label, item));
        }
        line("\\nat: ", self.error_member("at").unwrap_or_default());
        out.push(b'"');
    }
}

/// Returns `true` if `other` is `name` with `underscores` more underscores.
fn is_extended(name: &str, other: &str, underscores: usize) -> bool {
    other
        .strip_prefix(name)
        .is_some_and(|rest| rest.len() == underscores && rest.bytes().all(|byte| byte == b'_'))
}

fn is_own(key: &str) -> bool {
    matches!(
        key,
        "timestamp"
            | "level"
            | "message"
            | "target"
            | "source_location"
            | "request_id"
            | "trace_id"
            | "span_id"
            | "trace_flags"
            | "dropped_fields"
            | "error"
    )
}

/// Appends a member; `value` is JSON text.
pub(super) fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(if out.last() == Some(&b'{') { b"\"" } else { b",\"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value.as_bytes());
}

/// Appends a member if there is a value.
pub(super) fn optional(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        member(out, name, value);
    }
}
