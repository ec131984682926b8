//! `LogStats`: what the sinks of a program have written and lost.

use std::sync::Arc;

use crate::sink::losses::LossCounters;
use crate::sink::severity::{PerSeverity, Severity};
use tracing::Level;

/// What the sinks of a program have written and lost since they were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogStats {
    /// Of each sink, in the order of the settings.
    pub sinks: Vec<SinkStats>,
}

/// What a sink has written and lost since it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStats {
    /// The name of the sink: `stderr`, `stdout`, the path of a file, or `writer`.
    pub name: Arc<str>,
    /// Lines that the writer took, without the records about losses.
    pub written: u64,
    /// Lines that the writer refused with an error.
    pub write_errors: u64,
    /// Lines that the writer took only in part before an error.
    pub torn_lines: u64,
    /// Lines during which the writer panicked.
    pub writer_panics: u64,
    /// Lines that the writer itself logged.
    pub reentrant_lines: u64,
    /// Fields that did not fit into their line.
    pub dropped_fields: u64,
    /// Values, and secrets in texts, that were redacted.
    pub redacted: u64,
    /// Records that were not logged on purpose: by [sampling](crate::Sampling), or beyond a limit of bytes.
    pub suppressed: u64,
    queue_full: PerSeverity<u64>,
}

impl LogStats {
    pub(crate) const fn new(sinks: Vec<SinkStats>) -> Self {
        Self { sinks }
    }

    /// Returns the lines that all sinks together have written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.written).sum()
    }

    /// Returns the lines that all sinks together have lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sinks.iter().map(SinkStats::lost).sum()
    }
}

impl SinkStats {
    pub(crate) fn new(name: &Arc<str>, losses: &LossCounters) -> Self {
        let lost = losses.snapshot();
        Self {
            name: Arc::clone(name),
            written: losses.written(),
            write_errors: lost.write_errors,
            torn_lines: lost.torn,
            writer_panics: lost.writer_panics,
            reentrant_lines: lost.reentrant,
            dropped_fields: losses.dropped_fields(),
            redacted: losses.redacted(),
            suppressed: losses.suppressed(),
            queue_full: lost.queue_full,
        }
    }

    /// Returns the lines that are missing in the log.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let queue_full: u64 = Severity::ALL.into_iter().map(|severity| self.queue_full[severity]).sum();
        self.write_errors + self.torn_lines + self.writer_panics + self.reentrant_lines + queue_full
    }

    /// Returns the lines of a level that were dropped because the queue was full.
    #[must_use]
    pub fn queue_full(&self, level: Level) -> u64 {
        self.queue_full[level.into()]
    }
}
