//! The names of fields: which are ours, which are secret, and how each is written.

use buttress_error::{is_secret, is_secret_number};

use crate::json;
use crate::value::Value;

/// Names that only this crate writes at the root of a line. A user's field of such a name gets an underscore.
pub(crate) const RESERVED: &[&str] = &[
    "timestamp",
    "level",
    "message",
    "target",
    "request_id",
    "trace_id",
    "span_id",
    "dropped_fields",
    "error",
];

/// A name is cut here: a line's size has a limit, so its names must have one.
const MAX_NAME: usize = 256;

/// What stands in place of a secret value, whatever its type.
pub(crate) const REDACTED: &str = "\"[redacted]\"";

/// What becomes of a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Plain,
    /// The name says that the value is secret, of whatever type.
    Secret,
    /// The name says that text is secret, while a number or a boolean is a measure.
    SecretText,
    /// The text of an event.
    Message,
    /// The error object of an event.
    Error,
}

impl Role {
    /// Returns `true` if this value of a field is redacted.
    pub(crate) const fn hides(self, value: Value<'_>) -> bool {
        match self {
            Self::Secret => true,
            Self::SecretText => !value.is_number(),
            Self::Plain | Self::Message | Self::Error => false,
        }
    }
}

/// A field's name, made ready once.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// `,"name":`
    pub(crate) text: Box<[u8]>,
    pub(crate) role: Role,
    /// One of 64 bits: keys with different bits are different.
    pub(crate) bit: u64,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        Self::among(name, &[])
    }

    /// A name that is reserved or already `taken` gets underscores at its end until it is free.
    pub(crate) fn among(name: &str, taken: &[Self]) -> Self {
        let role = match () {
            () if is_secret_number(name) => Role::Secret,
            () if is_secret(name) => Role::SecretText,
            () => Role::Plain,
        };
        let mut name = name.to_owned();
        while RESERVED.contains(&name.as_str()) {
            name.push('_');
        }
        let mut key = Self::written(&name, role);
        while taken.iter().any(|other| other.text == key.text) {
            name.push('_');
            key = Self::written(&name, role);
        }
        key
    }

    /// One of our own names, as it is.
    pub(crate) fn own(name: &'static str, role: Role) -> Self {
        Self::written(name, role)
    }

    fn written(name: &str, role: Role) -> Self {
        let mut text = vec![b','];
        json::string(&mut text, name, MAX_NAME);
        text.push(b':');
        let hash =
            text.iter().fold(0u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        Self { text: text.into(), role, bit: 1 << (hash >> 58) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        let mut keys = Vec::new();
        for name in names {
            let key = Key::among(name, &keys);
            keys.push(key);
        }
        keys.iter().map(|key| String::from_utf8(key.text.to_vec()).unwrap()).collect()
    }

    /// [S34] A reserved name, and one that is taken, gets an underscore until it is free.
    #[test]
    fn underscores_make_names_free() {
        assert_eq!(texts(&["level", "a", "a", "a_"]), [",\"level_\":", ",\"a\":", ",\"a_\":", ",\"a__\":"]);
        assert_eq!(texts(&["level_", "level"]), [",\"level_\":", ",\"level__\":"]);
        for name in RESERVED {
            assert_eq!(texts(&[name]), [format!(",\"{name}_\":")]);
        }
    }

    /// [S34] Long names that are cut to the same text still differ.
    #[test]
    fn names_are_escaped_and_cut() {
        assert_eq!(texts(&["a\"b\n"]), [",\"a\\\"b\\n\":"]);
        let long = "x".repeat(300);
        let keys = texts(&[&long, &long]);
        assert_ne!(keys[0], keys[1]);
        assert!(keys.iter().all(|key| key.len() < 300));
    }
}
