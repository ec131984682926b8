//! `Value`: the typed value of a field.

use std::fmt::{self, Write};
use std::sync::Arc;

/// The value of a field: an attribute of an error, or a field that a context adds to log lines.
///
/// It is cheap to clone and keeps its type, so that a log line has `4999` and not `"4999"`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text.
    Str(Arc<str>),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
}

macro_rules! from {
    ($($type:ty => $variant:ident),+) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

from!(&str => Str, String => Str, Arc<str> => Str, bool => Bool, f64 => F64);
from!(i8 => I64, i16 => I64, i32 => I64, i64 => I64, u8 => U64, u16 => U64, u32 => U64, u64 => U64);

/// Converts by the shortest decimal form of the `f32`: `2.71_f32` becomes 2.71, and not 2.7100000381469727.
impl From<f32> for Value {
    fn from(value: f32) -> Self {
        let mut digits = Digits { bytes: [0; 32], len: 0 };
        let written = write!(digits, "{value:e}");
        let decimal =
            std::str::from_utf8(&digits.bytes[..digits.len]).ok().and_then(|text| text.parse().ok());
        Self::F64(decimal.filter(|_| written.is_ok()).unwrap_or_else(|| value.into()))
    }
}

/// A buffer for the decimal form of an `f32`: at most 9 digits, sign, point and exponent.
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// A number where it fits 64 bits, else text.
impl From<u128> for Value {
    fn from(value: u128) -> Self {
        u64::try_from(value).map_or_else(|_| value.to_string().into(), Self::U64)
    }
}

/// A number where it fits 64 bits, else text.
impl From<i128> for Value {
    fn from(value: i128) -> Self {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => Self::I64(value),
            (_, Ok(value)) => Self::U64(value),
            _ => value.to_string().into(),
        }
    }
}

impl From<char> for Value {
    fn from(value: char) -> Self {
        Self::Str((&*value.encode_utf8(&mut [0; 4])).into())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        // Lossless wherever a pointer has at most 64 bits.
        Self::U64(value as u64)
    }
}

impl From<isize> for Value {
    fn from(value: isize) -> Self {
        Self::I64(value as i64)
    }
}

/// Writes text as it is and numbers in decimal; `NaN`, `Infinity` and `-Infinity` as in logs and in JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(value) => f.write_str(value),
            Self::I64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::F64(value) if value.is_infinite() => {
                f.pad(if *value > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Self::F64(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}
