//! `SinkFailure`: the one report about a sink that cannot write.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Tells the other sinks once that a sink fails: its pipe has no reader any more, its disk is full. The sink itself can write
/// nothing about it.
#[derive(Debug)]
pub(crate) struct SinkFailure {
    sink: Arc<str>,
    cause: OnceLock<io::Error>,
    reported: AtomicBool,
}

impl SinkFailure {
    pub(crate) const fn new(sink: Arc<str>) -> Self {
        Self { sink, cause: OnceLock::new(), reported: AtomicBool::new(false) }
    }

    /// Records an error of the writer. A reader that is slow, and a signal, are none: both are over soon.
    pub(crate) fn record(&self, error: io::Error) {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            // Only the first is reported.
            let _ = self.cause.set(error);
        }
    }

    /// Emits the event, if it is due. The caller must hold no lock of its sink, since the event goes to all sinks.
    pub(crate) fn report(&self) {
        if let Some(cause) = self.cause.get()
            && !self.reported.swap(true, Ordering::Relaxed)
        {
            tracing::error!(
                target: "buttress::log",
                event = "log.sink_failed",
                sink = &*self.sink,
                error = cause as &(dyn std::error::Error + 'static),
                "log sink {} fails: lines are lost until it recovers",
                self.sink
            );
        }
    }
}
