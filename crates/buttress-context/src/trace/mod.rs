//! `Trace`: the position of a call in a distributed trace.

mod hex;
mod ids;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
mod parse;
mod sampling;

use std::{fmt, str};

pub use ids::{SpanId, TraceId};
pub use parse::InvalidTrace;
pub use sampling::SampleRatio;

use crate::random;

/// The position of a call in a distributed trace: [W3C trace context](https://www.w3.org/TR/trace-context-2/).
///
/// Created from a header ([`parse`](Self::parse)), from ids ([`from_ids`](Self::from_ids)), from an OpenTelemetry span
/// (`from_span_context`, feature `opentelemetry`), or [new](Self::random). `Display` writes the `traceparent` header,
/// version 00. The `tracestate` header is not part of it.
///
/// Buttress exports no spans, so a new trace is **not sampled**: services that follow the decision of their parent would
/// record it below a parent span that was never exported. A [`SampleRatio`] samples a fraction of new traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
    owner: SpanOwner,
}

/// Who records the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SpanOwner {
    /// No known tracer in this process.
    Unknown,
    /// A tracer in this process, if the trace is sampled.
    #[cfg_attr(
        not(feature = "opentelemetry"),
        expect(dead_code, reason = "only a tracer makes such a trace")
    )]
    Tracer,
}

const SAMPLED: u8 = 0x01;
/// The trace id's low seven bytes are random (level 2 of the specification).
const RANDOM: u8 = 0x02;

impl Trace {
    /// The length of a `traceparent` header of version 00, in bytes.
    pub const HEADER_LEN: usize = 55;

    /// Starts a new trace: random ids, not sampled, and with the random flag. The ids are unique, not secret.
    #[must_use]
    pub fn random() -> Self {
        Self {
            trace_id: TraceId(nonzero()),
            span_id: SpanId(nonzero()),
            flags: RANDOM,
            owner: SpanOwner::Unknown,
        }
    }

    /// Creates a trace with these ids. Of `flags`, in the meaning of the `traceparent` header, only the bits for sampled (1) and
    /// random (2) are kept.
    ///
    /// ```
    /// use buttress_context::{InvalidTrace, Trace};
    ///
    /// let trace = Trace::from_ids(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1)?;
    /// assert_eq!(trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// assert_eq!(Trace::from_ids(0, 7, 1), Err(InvalidTrace::ZeroTraceId));
    /// # Ok::<(), InvalidTrace>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidTrace::ZeroTraceId`] or [`InvalidTrace::ZeroSpanId`]: in the specification zero means "invalid".
    pub const fn from_ids(trace_id: u128, span_id: u64, flags: u8) -> Result<Self, InvalidTrace> {
        if trace_id == 0 {
            return Err(InvalidTrace::ZeroTraceId);
        }
        if span_id == 0 {
            return Err(InvalidTrace::ZeroSpanId);
        }
        Ok(Self {
            trace_id: TraceId(trace_id.to_be_bytes()),
            span_id: SpanId(span_id.to_be_bytes()),
            flags: flags & (SAMPLED | RANDOM),
            owner: SpanOwner::Unknown,
        })
    }

    /// Creates a new span of the same trace, with the same flags.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId(nonzero()), owner: SpanOwner::Unknown, ..*self }
    }

    /// Returns the span that an outgoing request names as its parent: this one if a tracer of this process records it, or
    /// else a new [child](Self::child).
    #[must_use]
    pub fn outgoing(&self) -> Self {
        match self.owner {
            SpanOwner::Unknown => self.child(),
            SpanOwner::Tracer => *self,
        }
    }

    /// Sets the sampled flag if `ratio` samples the trace id, and clears it otherwise. For a trace that starts here: the
    /// decision of a parent should stay as it is.
    ///
    /// ```
    /// use buttress_context::{SampleRatio, Trace};
    ///
    /// assert!(!Trace::random().sampled());
    /// assert!(Trace::random().sampled_at(SampleRatio::ALWAYS).sampled());
    /// ```
    #[must_use]
    pub const fn sampled_at(mut self, ratio: SampleRatio) -> Self {
        self.flags &= !SAMPLED;
        if ratio.samples(self.trace_id) {
            self.flags |= SAMPLED;
        }
        self
    }

    /// Returns the id that all spans of the trace share.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the id of this span.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Returns `true` if the trace is recorded, by the decision of its first service.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the text of the `traceparent` header of this span, version 00, without an allocation.
    ///
    /// ```
    /// use buttress_context::{InvalidTrace, Trace};
    ///
    /// let trace = Trace::from_ids(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1)?;
    /// assert_eq!(&trace.to_header(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// # Ok::<(), InvalidTrace>(())
    /// ```
    #[must_use]
    pub fn to_header(&self) -> [u8; Self::HEADER_LEN] {
        let mut header = [b'-'; Self::HEADER_LEN];
        header[..2].copy_from_slice(b"00");
        hex::write(&self.trace_id.0, &mut header[3..35]);
        hex::write(&self.span_id.0, &mut header[36..52]);
        hex::write(&[self.flags], &mut header[53..]);
        header
    }

    /// Returns the flags as in the `traceparent` header: sampled (1) and random (2).
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Returns `true` if the low seven bytes of the trace id are known to be random, so that a sampler may use them as
    /// a random number.
    #[must_use]
    pub const fn is_random(&self) -> bool {
        self.flags & RANDOM != 0
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.to_header()).expect("digits and dashes are ASCII"))
    }
}

/// Random bytes, not all zero: that means "invalid" in the specification.
fn nonzero<const N: usize>() -> [u8; N] {
    loop {
        let id = random::bytes();
        if id != [0; N] {
            return id;
        }
    }
}
