//! Parses the `traceparent` header.

use std::fmt;
use std::str::FromStr;

use super::{SAMPLED, Trace, hex};

/// The error for a text or ids that identify no span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTrace {
    /// The text is not a `traceparent` header.
    Format,
    /// The trace id is zero.
    ZeroTraceId,
    /// The span id is zero.
    ZeroSpanId,
}

impl fmt::Display for InvalidTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => {
                "a traceparent header is `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, in lower case"
            }
            Self::ZeroTraceId => "a trace id must not be zero",
            Self::ZeroSpanId => "a span id must not be zero",
        })
    }
}

impl std::error::Error for InvalidTrace {}

impl Trace {
    /// Parses the value of a `traceparent` header: the span of the caller. Spaces and tabs around it are ignored.
    ///
    /// Parsing is strict, as [the specification](https://www.w3.org/TR/trace-context-2/#traceparent-header) requires. For an
    /// invalid header, or a request with several such headers, start a new trace ([`random`](Self::random)). Of a later
    /// version only the ids and the sampled flag are read.
    ///
    /// ```
    /// use buttress_context::{Context, Trace};
    ///
    /// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let cx = Context::current().with_trace(Trace::parse(header).unwrap_or_else(|_| Trace::random()));
    /// assert!(cx.trace().unwrap().sampled());
    /// ```
    ///
    /// # Errors
    /// [`InvalidTrace`] if the text is not such a header, or an id is zero.
    pub fn parse(header: &str) -> Result<Self, InvalidTrace> {
        let read = |digits: &[u8]| hex::read(digits).ok_or(InvalidTrace::Format);
        let text = header.trim_matches([' ', '\t']).as_bytes();
        let (fields, more) = text.split_at_checked(Self::HEADER_LEN).ok_or(InvalidTrace::Format)?;
        let dashes = [2, 35, 52].iter().all(|&at| fields[at] == b'-');
        let version = read(&fields[..2])?;
        let is_known = version == 0;
        let ends = if is_known { more.is_empty() } else { more.first().is_none_or(|&byte| byte == b'-') };
        if !dashes || !ends || version == 0xff {
            return Err(InvalidTrace::Format);
        }
        // Each type has room for its digits.
        let (trace_id, span_id) = (read(&fields[3..35])?, read(&fields[36..52])? as u64);
        let flags = read(&fields[53..])? as u8;
        Self::from_ids(trace_id, span_id, if is_known { flags } else { flags & SAMPLED })
    }
}

impl FromStr for Trace {
    type Err = InvalidTrace;

    /// As [`parse`](Self::parse).
    fn from_str(header: &str) -> Result<Self, InvalidTrace> {
        Self::parse(header)
    }
}
