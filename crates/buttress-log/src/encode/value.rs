//! The value of a field, of any type that `tracing` has, and its one form in JSON.

use std::error::Error;
use std::fmt::Debug;

use tracing::field::{Field, Visit};

use crate::encode::error;
use crate::encode::name::{FieldName, REDACTED, REDACTED_START, Role};
#[cfg(feature = "serde")]
use crate::encode::nested;
use crate::json::escape::unescape;
use crate::json::number::{float, integer};
use crate::json::string::{StringWriter, string};
use crate::number_forms::NumberForms;
use crate::redaction::{Redactor, Showing};

#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Str(&'a str),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    Bytes(&'a [u8]),
    Debug(&'a dyn Debug),
    Error(&'a (dyn Error + 'static)),
}

impl<'a> From<&'a buttress_error::Value> for Value<'a> {
    fn from(value: &'a buttress_error::Value) -> Self {
        match value {
            buttress_error::Value::Str(value) => Self::Str(value),
            buttress_error::Value::I64(value) => Self::I64(*value),
            buttress_error::Value::U64(value) => Self::U64(*value),
            buttress_error::Value::F64(value) => Self::F64(*value),
            buttress_error::Value::Bool(value) => Self::Bool(*value),
            other => Self::Debug(other),
        }
    }
}

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueFormat<'r> {
    /// The most encoded bytes of a text, or of all the texts of an error.
    pub(crate) limit: usize,
    /// What redacts secrets: by the names of fields and attributes, and by the form of texts. Without it all is shown.
    pub(crate) redactor: Option<&'r Redactor>,
    pub(crate) numbers: NumberForms,
}

impl<'r> ValueFormat<'r> {
    /// Appends the value of a field of this name, or the mark of a secret.
    #[inline]
    pub(crate) fn write_field(self, out: &mut Vec<u8>, name: &FieldName, value: Value<'_>) {
        match self.redactor {
            Some(redactor) if name.role != Role::Plain || redactor.has_names() => {
                let showing = redactor.showing(name, value.is_number());
                if showing == Showing::Shown {
                    self.write_value(out, name, value);
                } else {
                    self.write_shown(out, redactor, showing, value);
                }
            }
            _ => self.write_value(out, name, value),
        }
    }

    /// Appends a value that is shown. A `Debug` may be a nested value.
    #[cfg(feature = "serde")]
    fn write_value(self, out: &mut Vec<u8>, name: &FieldName, value: Value<'_>) {
        match value {
            Value::Debug(value) => nested::write(out, name.text(), value, self),
            _ => value.write(out, self),
        }
    }

    #[cfg(not(feature = "serde"))]
    fn write_value(self, out: &mut Vec<u8>, _: &FieldName, value: Value<'_>) {
        value.write(out, self);
    }

    /// Appends the value of an attribute, or the mark of a secret.
    pub(crate) fn write_attr(self, out: &mut Vec<u8>, key: &str, value: Value<'_>) {
        match self.redactor {
            Some(redactor) => {
                self.write_shown(out, redactor, redactor.showing_of(key, value.is_number()), value);
            }
            None => value.write(out, self),
        }
    }

    fn write_shown(self, out: &mut Vec<u8>, redactor: &Redactor, showing: Showing, value: Value<'_>) {
        let start = out.len();
        match showing {
            Showing::Shown => value.write(out, self),
            Showing::Hidden => write_mark(out, redactor, value),
            Showing::Connection => {
                value.write_text(out, self);
                if !out[start..].windows(REDACTED_START.len()).any(|part| part == REDACTED_START) {
                    out.truncate(start);
                    write_mark(out, redactor, value);
                }
            }
        }
    }

    /// Opens a string of at most `limit` encoded bytes, without secrets.
    pub(crate) fn open<'a>(self, out: &'a mut Vec<u8>, limit: usize) -> StringWriter<'a>
    where
        'r: 'a,
    {
        StringWriter::redacting(out, limit, self.redactor)
    }

    /// Appends `text` as a string of at most `limit` encoded bytes, without secrets.
    pub(crate) fn string(self, out: &mut Vec<u8>, text: &str, limit: usize) {
        let mut string = self.open(out, limit);
        string.push(text);
        string.close();
    }
}

/// The numbers that may be those of a card: 13 to 16 digits. Of the longer ones too many are ids.
const MIN_CARD: u64 = 1_000_000_000_000;
const MAX_CARD: u64 = 9_999_999_999_999_999;

/// Appends the mark of a hidden value. Only a fingerprint needs the value, of which at most a megabyte is read.
fn write_mark(out: &mut Vec<u8>, redactor: &Redactor, value: Value<'_>) {
    const MAX: usize = 1 << 20;
    redactor.count(1);
    if !redactor.has_fingerprints() {
        return out.extend_from_slice(REDACTED);
    }
    let mut text = Vec::new();
    value.write_text(&mut text, ValueFormat { limit: MAX, redactor: None, numbers: NumberForms::new() });
    let text = unescape(&text[1..text.len() - 1]);
    string(out, &redactor.mark(text.as_bytes()), usize::MAX);
}

impl Value<'_> {
    /// Returns `true` for a number and for a boolean.
    pub(crate) const fn is_number(self) -> bool {
        !matches!(self, Self::Str(_) | Self::Bytes(_) | Self::Debug(_) | Self::Error(_))
    }

    /// Appends the value: a number or boolean as such, an error as an object, anything else as a string.
    ///
    /// A 128-bit integer is a number if it fits into 64 bits, else a string. Bytes are a string, in which U+FFFD replaces
    /// what is not UTF-8. The caller has judged the name of the field.
    pub(crate) fn write(self, out: &mut Vec<u8>, format: ValueFormat<'_>) {
        match self {
            Self::I64(value) if value.unsigned_abs() < MIN_CARD => integer(out, value),
            Self::U64(value) if value < MIN_CARD => integer(out, value),
            Self::I64(value) => match self.redactor_of_card(format) {
                Some(redactor) => write_mark(out, redactor, self),
                None if format.numbers.is_text(value.unsigned_abs()) => self.write_text(out, format),
                None => integer(out, value),
            },
            Self::U64(value) => match self.redactor_of_card(format) {
                Some(redactor) => write_mark(out, redactor, self),
                None if format.numbers.is_text(value) => self.write_text(out, format),
                None => integer(out, value),
            },
            Self::I128(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) if !format.numbers.is_text(value.unsigned_abs()) => integer(out, value),
                (_, Ok(value)) if !format.numbers.is_text(value) => integer(out, value),
                _ => self.write_text(out, format),
            },
            Self::U128(value) => match u64::try_from(value) {
                Ok(value) if !format.numbers.is_text(value) => integer(out, value),
                _ => self.write_text(out, format),
            },
            Self::F64(value) if format.numbers.non_finite_as_null && !value.is_finite() => {
                out.extend_from_slice(b"null");
            }
            Self::F64(value) => float(out, value),
            Self::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Self::Error(value) => error::write(out, value, format),
            _ => self.write_text(out, format),
        }
    }

    /// Returns the redactor if the value is a number with the digits of a card.
    #[cold]
    fn redactor_of_card<'r>(self, format: ValueFormat<'r>) -> Option<&'r Redactor> {
        let number = match self {
            Self::U64(number) => number,
            Self::I64(number) => number.unsigned_abs(),
            _ => return None,
        };
        let redactor = format.redactor.filter(|_| (MIN_CARD..=MAX_CARD).contains(&number))?;
        (!redactor.find(&number.to_string()).is_empty()).then_some(redactor)
    }

    /// Appends the value as a string, whatever its type.
    pub(crate) fn write_text(self, out: &mut Vec<u8>, format: ValueFormat<'_>) {
        let mut string = format.open(out, format.limit);
        match self {
            Self::Str(value) => string.push(value),
            Self::Bytes(value) => {
                for chunk in value.utf8_chunks() {
                    string.push(chunk.valid());
                    string.push(if chunk.invalid().is_empty() { "" } else { "\u{fffd}" });
                }
            }
            Self::I64(value) => string.push_fmt(format_args!("{value}")),
            Self::U64(value) => string.push_fmt(format_args!("{value}")),
            Self::I128(value) => string.push_fmt(format_args!("{value}")),
            Self::U128(value) => string.push_fmt(format_args!("{value}")),
            // `Infinity` as in JSON, not Rust's `inf`.
            Self::F64(value) => string.push_fmt(format_args!("{}", buttress_error::Value::F64(value))),
            Self::Bool(value) => string.push_fmt(format_args!("{value}")),
            Self::Debug(value) => string.push_fmt(format_args!("{value:?}")),
            Self::Error(value) => string.push_fmt(format_args!("{value}")),
        }
        string.close();
    }
}

/// A visitor that passes each field to a closure.
pub(crate) struct FieldVisitor<F>(pub(crate) F);

impl<F: FnMut(&Field, Value<'_>)> Visit for FieldVisitor<F> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0(field, Value::Str(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0(field, Value::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.0(field, Value::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.0(field, Value::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0(field, Value::F64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0(field, Value::Bool(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.0(field, Value::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.0(field, Value::Error(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0(field, Value::Debug(value));
    }
}
