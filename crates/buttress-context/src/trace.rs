//! `Trace`: the place of a call in a distributed trace.

use std::fmt;

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
        Self { trace_id: TraceId(nonzero(rand::random)), span_id: SpanId::random(), flags: SAMPLED | RANDOM }
    }

    /// A new span of the same trace: what an outgoing request carries.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId::random(), ..*self }
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

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// Its number.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }
}

/// The id of a span: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl SpanId {
    fn random() -> Self {
        Self(nonzero(rand::random))
    }

    /// Its number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0
    }
}

/// All zeros means "invalid" in the specification.
fn nonzero<T: Default + PartialEq>(draw: impl Fn() -> T) -> T {
    loop {
        let id = draw();
        if id != T::default() {
            return id;
        }
    }
}

macro_rules! hex {
    ($($type:ident, $format:literal);+) => {
        $(
            /// Lower-case hexadecimal, zero-padded.
            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, $format, self.0)
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

hex!(TraceId, "{:032x}"; SpanId, "{:016x}");
