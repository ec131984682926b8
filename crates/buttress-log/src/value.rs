//! One value of a field, of any type that `tracing` knows, and its one form in JSON.

use std::error::Error;
use std::fmt::Debug;

use tracing::field::{Field, Visit};

use crate::contain;
use crate::error;
use crate::json::{self, Text};

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

impl Value<'_> {
    /// Returns `true` for a number and for a boolean.
    pub(crate) const fn is_number(self) -> bool {
        !matches!(self, Self::Str(_) | Self::Bytes(_) | Self::Debug(_) | Self::Error(_))
    }

    /// Appends the value: numbers and booleans as such, errors as objects, the rest as a string of at most `limit`
    /// encoded bytes. A 128-bit integer is a number if it fits 64 bits, else a string; bytes are a string, what is
    /// not UTF-8 in them replaced by U+FFFD.
    /// `redact` is for the attributes of errors: a secret field is never handed to this.
    pub(crate) fn write(self, out: &mut Vec<u8>, limit: usize, redact: bool) {
        match self {
            Self::I64(value) => json::integer(out, value),
            Self::U64(value) => json::integer(out, value),
            Self::I128(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => json::integer(out, value),
                (_, Ok(value)) => json::integer(out, value),
                _ => self.write_text(out, limit),
            },
            Self::U128(value) => match u64::try_from(value) {
                Ok(value) => json::integer(out, value),
                Err(_) => self.write_text(out, limit),
            },
            Self::F64(value) => json::float(out, value),
            Self::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Self::Error(value) => error::write(out, value, limit, redact),
            _ => self.write_text(out, limit),
        }
    }

    /// Appends the value as a string, whatever it is.
    pub(crate) fn write_text(self, out: &mut Vec<u8>, limit: usize) {
        let mut text = Text::open(out, limit);
        match self {
            Self::Str(value) => text.push(value),
            Self::Bytes(value) => {
                for chunk in value.utf8_chunks() {
                    text.push(chunk.valid());
                    text.push(if chunk.invalid().is_empty() { "" } else { "\u{fffd}" });
                }
            }
            Self::I64(value) => contain::write(&mut text, format_args!("{value}")),
            Self::U64(value) => contain::write(&mut text, format_args!("{value}")),
            Self::I128(value) => contain::write(&mut text, format_args!("{value}")),
            Self::U128(value) => contain::write(&mut text, format_args!("{value}")),
            Self::F64(value) => contain::write(&mut text, format_args!("{value}")),
            Self::Bool(value) => contain::write(&mut text, format_args!("{value}")),
            Self::Debug(value) => contain::write(&mut text, format_args!("{value:?}")),
            Self::Error(value) => contain::write(&mut text, format_args!("{value}")),
        }
        text.close();
    }
}

/// Hands every recorded field to a closure.
pub(crate) struct Each<F>(pub(crate) F);

impl<F: FnMut(&Field, Value<'_>)> Visit for Each<F> {
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
