//! The backtrace of a bug, and the spans of any error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::sync::Arc;

use super::Error;
use crate::class::Class;

#[derive(Clone)]
pub(super) struct Trace {
    backtrace: Option<Arc<Backtrace>>,
    #[cfg(feature = "tracing-error")]
    spans: Option<tracing_error::SpanTrace>,
}

impl Trace {
    /// Captures nothing, for the price of a comparison, unless there is something to record. A failure that another program
    /// reports is not a bug of this one: `made_here` returns `false`.
    #[inline]
    pub(super) fn capture(class: &Class, made_here: impl FnOnce() -> bool) -> Option<Self> {
        let is_bug = class.kind.is_bug() && !class.dependency;
        let backtrace = if is_bug && made_here() { backtrace() } else { None };
        #[cfg(feature = "tracing-error")]
        {
            let spans = spans();
            (backtrace.is_some() || spans.is_some()).then_some(Self { backtrace, spans })
        }
        #[cfg(not(feature = "tracing-error"))]
        backtrace.map(|backtrace| Self { backtrace: Some(backtrace) })
    }
}

impl Trace {
    pub(super) fn without_backtrace(mut self) -> Option<Self> {
        self.backtrace = None;
        #[cfg(feature = "tracing-error")]
        return self.spans.is_some().then_some(self);
        #[cfg(not(feature = "tracing-error"))]
        None
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
    /// Returns the backtrace. Only a [bug](crate::Kind::is_bug) of this program has one, not a failure that a dependency
    /// reports, and only if `RUST_LIB_BACKTRACE` or `RUST_BACKTRACE` enables it, as for [`Backtrace::capture`].
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.extra()?.trace.as_ref()?.backtrace.as_deref()
    }

    /// Returns the spans in which it was created; none without the subscriber layer `tracing_error::ErrorLayer`.
    #[cfg(feature = "tracing-error")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing-error")))]
    #[must_use]
    pub fn span_trace(&self) -> Option<&tracing_error::SpanTrace> {
        self.extra()?.trace.as_ref()?.spans.as_ref()
    }

    /// Returns the spans as text, if there are any.
    pub(super) fn spans(&self) -> Option<impl fmt::Display + '_> {
        #[cfg(feature = "tracing-error")]
        return self.span_trace();
        #[cfg(not(feature = "tracing-error"))]
        None::<&str>
    }
}
