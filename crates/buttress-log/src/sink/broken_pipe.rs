//! `BrokenPipe`: the one report about a sink whose reader is gone.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the other sinks once that the pipe of a sink has no reader any more. The sink itself can write nothing about it.
#[derive(Debug)]
pub(crate) struct BrokenPipe {
    sink: Arc<str>,
    occurred: AtomicBool,
    reported: AtomicBool,
}

impl BrokenPipe {
    pub(crate) const fn new(sink: Arc<str>) -> Self {
        Self { sink, occurred: AtomicBool::new(false), reported: AtomicBool::new(false) }
    }

    /// Records an error of the writer.
    pub(crate) fn record(&self, error: &io::Error) {
        if error.kind() == ErrorKind::BrokenPipe {
            self.occurred.store(true, Ordering::Relaxed);
        }
    }

    /// Emits the event, if it is due. The caller must hold no lock of its sink, since the event goes to all sinks.
    pub(crate) fn report(&self) {
        if self.occurred.load(Ordering::Relaxed) && !self.reported.swap(true, Ordering::Relaxed) {
            tracing::error!(
                target: "buttress::log",
                event = "log.pipe_broken",
                sink = &*self.sink,
                "log sink {} has no reader any more: its lines are lost",
                self.sink
            );
        }
    }
}
