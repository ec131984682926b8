//! `TraceId` and `SpanId`.

use std::fmt;
use std::str;

use super::hex;

// Bytes rather than a number, whose alignment would make every context larger.

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub(super) [u8; 16]);

impl TraceId {
    /// Returns the id as a number.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// The id of a span: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub(super) [u8; 8]);

impl SpanId {
    /// Returns the id as a number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

macro_rules! display {
    ($($type:ident, $digits:literal);+) => {
        $(
            /// Lower-case hexadecimal, zero-padded.
            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let mut digits = [0; $digits];
                    hex::write(&self.0, &mut digits);
                    f.pad(str::from_utf8(&digits).expect("digits are ASCII"))
                }
            }

            impl fmt::Debug for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }
        )+
    };
}

display!(TraceId, 32; SpanId, 16);
