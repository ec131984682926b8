//! `LossCounters`: how much of the log was lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::Level;

use crate::sink::severity::{PerSeverity, Severity};

/// Counts what a sink, or a [`JsonLayer`](crate::JsonLayer), has written and lost so far. Each lost line is in exactly one
/// counter.
#[derive(Debug, Default)]
pub struct LossCounters {
    written: AtomicU64,
    write_errors: AtomicU64,
    torn_lines: AtomicU64,
    writer_panics: AtomicU64,
    reentrant_lines: AtomicU64,
    queue_full: PerSeverity<AtomicU64>,
    dropped_fields: AtomicU64,
    redacted: AtomicU64,
    suppressed: AtomicU64,
}

impl LossCounters {
    /// Lines that the writer took, without the records about losses.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Lines that are missing in the log: the sum of [`write_errors`](Self::write_errors), [`torn_lines`](Self::torn_lines),
    /// [`writer_panics`](Self::writer_panics), [`reentrant_lines`](Self::reentrant_lines) and
    /// [`queue_full`](Self::queue_full) of all levels.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.snapshot().lines()
    }

    /// Lines that the writer refused with an error. A failed flush counts as one line.
    #[must_use]
    pub fn write_errors(&self) -> u64 {
        self.write_errors.load(Ordering::Relaxed)
    }

    /// Lines that the writer took only in part before an error. The next line begins on a line of its own.
    #[must_use]
    pub fn torn_lines(&self) -> u64 {
        self.torn_lines.load(Ordering::Relaxed)
    }

    /// Lines during which the writer panicked.
    #[must_use]
    pub fn writer_panics(&self) -> u64 {
        self.writer_panics.load(Ordering::Relaxed)
    }

    /// Lines that the writer itself logged while it was writing another one. They are dropped, since writing them could recurse
    /// forever.
    #[must_use]
    pub fn reentrant_lines(&self) -> u64 {
        self.reentrant_lines.load(Ordering::Relaxed)
    }

    /// Lines of a level that were dropped because the [queue](crate::Queue) was full.
    #[must_use]
    pub fn queue_full(&self, level: Level) -> u64 {
        self.queue_full[level.into()].load(Ordering::Relaxed)
    }

    /// Fields that did not fit into their line.
    #[must_use]
    pub fn dropped_fields(&self) -> u64 {
        self.dropped_fields.load(Ordering::Relaxed)
    }

    /// Values, and secrets in texts, that were redacted. Those of a span count with the next line.
    #[must_use]
    pub fn redacted(&self) -> u64 {
        self.redacted.load(Ordering::Relaxed)
    }

    /// Records that were not logged on purpose: by [sampling](crate::Sampling), or beyond a limit of bytes. They are not
    /// [lost](Self::lost_lines).
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    pub(crate) fn add_suppressed(&self) {
        self.suppressed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_written(&self, lines: u64) {
        self.written.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn add_write_error(&self) {
        self.write_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_torn_line(&self) {
        self.torn_lines.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_writer_panic(&self) {
        self.add_writer_panics(1);
    }

    pub(crate) fn add_writer_panics(&self, lines: u64) {
        self.writer_panics.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn add_reentrant_line(&self) {
        self.reentrant_lines.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_redacted(&self, secrets: u64) {
        self.redacted.fetch_add(secrets, Ordering::Relaxed);
    }

    pub(crate) fn add_queue_full(&self, severity: Severity, lines: u64) {
        if lines > 0 {
            self.queue_full[severity].fetch_add(lines, Ordering::Relaxed);
        }
    }

    pub(crate) fn add_dropped_fields(&self, fields: u32) {
        self.dropped_fields.fetch_add(fields.into(), Ordering::Relaxed);
    }

    /// Returns the lines that are missing so far.
    pub(crate) fn snapshot(&self) -> LostLines {
        let mut lost = LostLines {
            write_errors: self.write_errors(),
            torn: self.torn_lines(),
            writer_panics: self.writer_panics(),
            reentrant: self.reentrant_lines(),
            queue_full: PerSeverity::default(),
        };
        for severity in Severity::ALL {
            lost.queue_full[severity] = self.queue_full[severity].load(Ordering::Relaxed);
        }
        lost
    }
}

/// The lines that are missing in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LostLines {
    pub(crate) write_errors: u64,
    pub(crate) torn: u64,
    pub(crate) writer_panics: u64,
    pub(crate) reentrant: u64,
    pub(crate) queue_full: PerSeverity<u64>,
}

impl LostLines {
    pub(crate) fn lines(&self) -> u64 {
        let queue_full: u64 = Severity::ALL.into_iter().map(|severity| self.queue_full[severity]).sum();
        self.write_errors + self.torn + self.writer_panics + self.reentrant + queue_full
    }

    /// Returns the lines that are missing since `earlier`, which are a part of these.
    fn since(&self, earlier: &Self) -> Self {
        let mut queue_full = self.queue_full;
        for severity in Severity::ALL {
            queue_full[severity] -= earlier.queue_full[severity];
        }
        Self {
            write_errors: self.write_errors - earlier.write_errors,
            torn: self.torn - earlier.torn,
            writer_panics: self.writer_panics - earlier.writer_panics,
            reentrant: self.reentrant - earlier.reentrant,
            queue_full,
        }
    }
}

/// Which losses the log has mentioned, and when.
#[derive(Debug, Default)]
pub(crate) struct LossReport {
    mentioned: LostLines,
    /// When the latest of them was mentioned, as a time that never goes back.
    at: Option<Duration>,
}

/// The shortest time between two records about losses.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_secs(1);

impl LossReport {
    /// Returns the losses that the log should mention now: those since the last time, at most once a second unless `at_once`.
    pub(crate) fn due(&mut self, counters: &LossCounters, now: Duration, at_once: bool) -> Option<LostLines> {
        let lost = counters.snapshot();
        let new = lost.since(&self.mentioned);
        let early = self.at.is_some_and(|at| now < at + REPORT_INTERVAL);
        if new.lines() == 0 || early && !at_once {
            return None;
        }
        (self.mentioned, self.at) = (lost, Some(now));
        Some(new)
    }

    /// Takes back that the log mentions `lost`: their record was not written.
    pub(crate) fn take_back(&mut self, lost: &LostLines) {
        self.mentioned = self.mentioned.since(lost);
    }

    /// Returns `true` if the log has not mentioned all losses.
    pub(crate) fn is_behind(&self, counters: &LossCounters) -> bool {
        counters.snapshot() != self.mentioned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [S37] Losses are mentioned at most once a second, unless at a flush, and each of them once.
    #[test]
    fn losses_are_mentioned_once() {
        let (counters, mut report) = (LossCounters::default(), LossReport::default());
        let at = Duration::from_millis;
        assert_eq!(report.due(&counters, at(0), true), None);
        counters.add_write_error();
        assert_eq!(report.due(&counters, at(5), false).map(|lost| lost.lines()), Some(1));
        counters.add_queue_full(Severity::Debug, 7);
        assert!(report.is_behind(&counters));
        assert_eq!(report.due(&counters, at(1_004), false), None);
        let lost = report.due(&counters, at(1_005), false).unwrap();
        assert_eq!((lost.lines(), lost.queue_full[Severity::Debug], lost.write_errors), (7, 7, 0));
        counters.add_writer_panic();
        assert_eq!(report.due(&counters, at(1_006), true).map(|lost| lost.writer_panics), Some(1));
        assert!(!report.is_behind(&counters));
        assert_eq!(counters.lost_lines(), 9);

        // A record that was not written is due again, with what was lost since, after the same interval.
        counters.add_queue_full(Severity::Info, 2);
        let lost = report.due(&counters, at(3_000), false).unwrap();
        report.take_back(&lost);
        counters.add_queue_full(Severity::Info, 1);
        assert!(report.is_behind(&counters));
        assert_eq!(report.due(&counters, at(3_999), false), None);
        assert_eq!(report.due(&counters, at(4_000), false).map(|lost| lost.lines()), Some(3));
    }
}
