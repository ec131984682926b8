//! `LossCounters`: how much of the log was lost.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what a [`JsonLayer`](crate::JsonLayer) has lost so far. Each lost line is in exactly one counter.
#[derive(Debug, Default)]
pub struct LossCounters {
    write_errors: AtomicU64,
    writer_panics: AtomicU64,
    reentrant_lines: AtomicU64,
    dropped_fields: AtomicU64,
    redacted: AtomicU64,
}

impl LossCounters {
    /// Lines that are missing in the log: the sum of [`write_errors`](Self::write_errors),
    /// [`writer_panics`](Self::writer_panics) and [`reentrant_lines`](Self::reentrant_lines).
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.write_errors() + self.writer_panics() + self.reentrant_lines()
    }

    /// Lines that the writer refused with an error, or wrote only in part. A failed flush counts as one line.
    #[must_use]
    pub fn write_errors(&self) -> u64 {
        self.write_errors.load(Ordering::Relaxed)
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

    pub(crate) fn add_write_error(&self) {
        self.write_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_writer_panic(&self) {
        self.writer_panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_reentrant_line(&self) {
        self.reentrant_lines.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_redacted(&self, secrets: u64) {
        self.redacted.fetch_add(secrets, Ordering::Relaxed);
    }

    pub(crate) fn add_dropped_fields(&self, fields: u32) {
        self.dropped_fields.fetch_add(fields.into(), Ordering::Relaxed);
    }
}
