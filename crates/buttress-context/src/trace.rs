//! `Trace`: the place of a call in a distributed trace.

use std::fmt;

use rand::RngCore;

/// The place of a call in a distributed trace: [W3C trace context](https://www.w3.org/TR/trace-context-2/).
///
/// `Display` writes the `traceparent` header, version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
}

const SAMPLED: u8 = 0x01;
/// The trace id's low seven bytes are random (level 2 of the specification).
const RANDOM: u8 = 0x02;

impl Trace {
    /// A new trace with a random id, sampled.
    #[must_use]
    pub fn random() -> Self {
        Self { trace_id: TraceId(nonzero()), span_id: SpanId(nonzero()), flags: SAMPLED | RANDOM }
    }

    /// A new span of the same trace: what an outgoing request carries.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId(nonzero()), ..*self }
    }

    /// The id that all spans of the trace share.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The id of this span.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Is the trace recorded?
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

// Bytes rather than a number, whose alignment would make every context larger.

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Its number.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// The id of a span: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// Its number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

/// Random bytes, not all zero: that means "invalid" in the specification.
fn nonzero<const N: usize>() -> [u8; N] {
    loop {
        let mut id = [0; N];
        rand::rng().fill_bytes(&mut id);
        if id != [0; N] {
            return id;
        }
    }
}

macro_rules! hex {
    ($($type:ident),+) => {
        $(
            /// Lower-case hexadecimal, zero-padded.
            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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

hex!(TraceId, SpanId);
