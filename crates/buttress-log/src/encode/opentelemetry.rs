//! The ids of the current OpenTelemetry span.

use std::cell::Cell;

use buttress_context::Trace;

use crate::unwind;

/// The current span of OpenTelemetry. With `tracing-opentelemetry` that is the innermost span of `tracing`.
pub(super) fn current_span() -> Option<Trace> {
    thread_local! {
        static BUSY: Cell<bool> = const { Cell::new(false) };
    }
    // The read panics in a thread that is ending. A panic hook that logs must not panic in turn, so this thread reads no more.
    if BUSY.replace(true) {
        return None;
    }
    let span = unwind::catch(Trace::of_current_span)?;
    BUSY.set(false);
    span
}
