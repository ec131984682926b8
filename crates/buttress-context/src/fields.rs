//! The fields that stand in every log line of a call.

use std::sync::Arc;

/// The value of a field.
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

from!(&str => Str, String => Str, Arc<str> => Str, bool => Bool, f32 => F64, f64 => F64);
from!(i8 => I64, i16 => I64, i32 => I64, i64 => I64, u8 => U64, u16 => U64, u32 => U64, u64 => U64);

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

/// Few, so a list is the fastest map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(crate) fn as_slice(&self) -> &[(&'static str, Value)] {
        &self.0
    }

    pub(crate) fn insert(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}
