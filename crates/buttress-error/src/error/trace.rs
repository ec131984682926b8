//! Where the program was: a backtrace for bugs, the spans for all.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::sync::Arc;

use super::Error;
use crate::Kind;

#[derive(Clone)]
pub(super) struct Trace {
    backtrace: Option<Arc<Backtrace>>,
    #[cfg(feature = "tracing-error")]
    spans: Option<tracing_error::SpanTrace>,
}

impl Trace {
    /// None, and for the price of a comparison, unless there is something to tell.
    #[inline]
    pub(super) fn capture(kind: Kind) -> Option<Self> {
        let backtrace = if kind.is_bug() { backtrace() } else { None };
        #[cfg(feature = "tracing-error")]
        {
            let spans = spans();
            (backtrace.is_some() || spans.is_some()).then_some(Self { backtrace, spans })
        }
        #[cfg(not(feature = "tracing-error"))]
        backtrace.map(|backtrace| Self { backtrace: Some(backtrace) })
    }
}

#[cold]
fn backtrace() -> Option<Arc<Backtrace>> {
    let backtrace = Backtrace::capture();
    (backtrace.status() == BacktraceStatus::Captured).then(|| Arc::new(backtrace))
}

#[cfg(feature = "tracing-error")]
fn spans() -> Option<tracing_error::SpanTrace> {
    let spans = tracing_error::SpanTrace::capture();
    (spans.status() == tracing_error::SpanTraceStatus::CAPTURED).then_some(spans)
}

impl Error {
    /// The backtrace. Only a [bug](Kind::is_bug) has one, and only where `RUST_LIB_BACKTRACE` or `RUST_BACKTRACE` says
    /// so, as in [`Backtrace::capture`].
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.extra()?.trace.as_ref()?.backtrace.as_deref()
    }

    /// The spans that it was made in; none without the subscriber layer `tracing_error::ErrorLayer`.
    #[cfg(feature = "tracing-error")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing-error")))]
    #[must_use]
    pub fn span_trace(&self) -> Option<&tracing_error::SpanTrace> {
        self.extra()?.trace.as_ref()?.spans.as_ref()
    }

    /// The spans as text, where there are any.
    pub(super) fn spans(&self) -> Option<impl fmt::Display + '_> {
        #[cfg(feature = "tracing-error")]
        return self.span_trace();
        #[cfg(not(feature = "tracing-error"))]
        None::<&str>
    }
}
