//! `Trace` from a span of OpenTelemetry.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

use super::{InvalidTrace, SpanOwner, Trace};

impl Trace {
    /// The place of an OpenTelemetry span. A request that goes out in it names the span itself as its parent, as
    /// OpenTelemetry's own propagator does; below a [remote](SpanContext::is_remote) one it names a new span.
    ///
    /// ```
    /// use buttress_context::{InvalidTrace, Trace};
    /// use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    ///
    /// let span = SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::SAMPLED, false, TraceState::NONE);
    /// let trace = Trace::from_span_context(&span)?;
    /// assert_eq!(trace.to_string(), "00-00000000000000000000000000000007-0000000000000009-01");
    /// assert_eq!(trace.outgoing(), trace);
    /// # Ok::<(), InvalidTrace>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidTrace`] if an id is zero, as outside of any span.
    pub fn from_span_context(span: &SpanContext) -> Result<Self, InvalidTrace> {
        let trace_id = u128::from_be_bytes(span.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(span.span_id().to_bytes());
        let trace = Self::from_ids(trace_id, span_id, span.trace_flags().to_u8())?;
        let owner = if span.is_remote() { SpanOwner::Unknown } else { SpanOwner::Tracer };
        Ok(Self { owner, ..trace })
    }

    /// The place of the current OpenTelemetry span, or `None` outside of any.
    ///
    /// For [`ContextLayer::trace_from`](crate::ContextLayer::trace_from). With `tracing-opentelemetry` a span of `tracing`
    /// is current for OpenTelemetry only where that layer activates it.
    #[must_use]
    pub fn of_current_span() -> Option<Self> {
        Context::map_current(|context| Self::from_span_context(context.span().span_context())).ok()
    }
}
