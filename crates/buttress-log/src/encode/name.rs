//! The names of fields: which are reserved, which are secret, and how each is written.

use buttress_error::__private::is_connection;
use buttress_error::{is_secret, is_secret_number};

use crate::json::string::string;

/// Names that only this crate writes at the root of a line. A user's field of such a name gets an underscore.
const RESERVED: &[&str] = &[
    "timestamp",
    "level",
    "message",
    "target",
    "source_location",
    "request_id",
    "trace_id",
    "span_id",
    "trace_flags",
    "dropped_fields",
    "error",
];

/// A longer name is cut here, in encoded bytes: the size limit of a line includes its names.
const MAX_NAME: usize = 256;

/// What replaces a secret value, whatever its type.
pub(crate) const REDACTED: &[u8] = b"\"[redacted]\"";

/// The beginning of every mark, also of one with a fingerprint.
pub(crate) const REDACTED_START: &[u8] = b"[redacted";

/// How the value of a field is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Plain,
    /// The name says that the value is secret, whatever its type.
    Secret,
    /// The name says that text is secret, while a number or a boolean is a measure.
    SecretText,
    /// The name says that the value is a connection string.
    Connection,
    /// The message of an event.
    Message,
    /// The error object of an event.
    Error,
    /// A description of a record of the crate `log`: not a field.
    #[cfg(feature = "log")]
    LogRecord,
}

/// The name of a field, encoded once for each callsite.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldName {
    /// The name as it is written in a line: `,"name":`.
    pub(crate) json: Box<[u8]>,
    pub(crate) role: Role,
    pub(crate) hash: u32,
}

impl FieldName {
    pub(crate) fn new(name: &str) -> Self {
        Self::distinct_from(name, &[])
    }

    /// Encodes a name. Underscores are appended until it is neither reserved nor `taken`.
    pub(crate) fn distinct_from(name: &str, taken: &[Self]) -> Self {
        let role = match () {
            () if is_connection(name) => Role::Connection,
            () if is_secret_number(name) => Role::Secret,
            () if is_secret(name) => Role::SecretText,
            () => Role::Plain,
        };
        let mut name = name.to_owned();
        while RESERVED.contains(&name.as_str()) {
            name.push('_');
        }
        let mut encoded = Self::encode(&name, role);
        while taken.iter().any(|other| other.json == encoded.json) {
            name.push('_');
            encoded = Self::encode(&name, role);
        }
        encoded
    }

    /// The name as it is in JSON, without its quotes.
    pub(crate) fn text(&self) -> &[u8] {
        unquoted_name(&self.json)
    }

    /// Encodes a reserved name for this crate's own use.
    pub(crate) fn reserved(name: &'static str, role: Role) -> Self {
        Self::encode(name, role)
    }

    fn encode(name: &str, role: Role) -> Self {
        let mut json = vec![b','];
        string(&mut json, name, MAX_NAME);
        json.push(b':');
        let fnv =
            json.iter().fold(0u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        Self { json: json.into(), role, hash: (fnv >> 32) as u32 }
    }
}

/// The text of a name that is encoded as in a line: `,"name":`.
pub(crate) fn unquoted_name(json: &[u8]) -> &[u8] {
    json.strip_prefix(b",\"").and_then(|name| name.strip_suffix(b"\":")).unwrap_or(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(names: &[&str]) -> Vec<String> {
        let mut encoded = Vec::new();
        for name in names {
            let name = FieldName::distinct_from(name, &encoded);
            encoded.push(name);
        }
        encoded.iter().map(|name| String::from_utf8(name.json.to_vec()).unwrap()).collect()
    }

    /// [S34] A reserved name, and one that is taken, gets underscores until it is free.
    #[test]
    fn underscores_make_names_free() {
        assert_eq!(encoded(&["level", "a", "a", "a_"]), [",\"level_\":", ",\"a\":", ",\"a_\":", ",\"a__\":"]);
        assert_eq!(encoded(&["level_", "level"]), [",\"level_\":", ",\"level__\":"]);
        for name in RESERVED {
            assert_eq!(encoded(&[name]), [format!(",\"{name}_\":")]);
        }
    }

    /// [S34] Long names that are cut to the same text still differ.
    #[test]
    fn names_are_escaped_and_cut() {
        assert_eq!(encoded(&["a\"b\n"]), [",\"a\\\"b\\n\":"]);
        let long = "x".repeat(300);
        let names = encoded(&[&long, &long]);
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() < 300));
    }
}
