//! Where the program was: a backtrace for bugs, the spans for all.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::sync::Arc;

use super::Error;
use crate::Class;

#[derive(Clone)]
pub(super) struct Trace {
    backtrace: Option<Arc<Backtrace>>,
    #[cfg(feature = "tracing-error")]
    spans: Option<tracing_error::SpanTrace>,
}

impl Trace {
    /// None, and for the price of a comparison, unless there is something to tell. A failure that another program
    /// reports is no bug of this one: `made_here` is false.
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
    /// The backtrace. Only a [bug](crate::Kind::is_bug) of this program has one, not a failure that a dependency reports, and
    /// only where `RUST_LIB_BACKTRACE` or `RUST_BACKTRACE` says
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
