//! The logical clock of remedies: the number of successful runs in this process.
//!
//! It orders runs and attempts without reading a clock, and one number per attempt serves any number of remedies.

use std::sync::atomic::{AtomicU64, Ordering};

static SUCCESSES: AtomicU64 = AtomicU64::new(0);

/// Returns the logical time. Relaxed: an attempt that reads an earlier number is at worst retried once without a run.
pub(crate) fn now() -> u64 {
    SUCCESSES.load(Ordering::Relaxed)
}

/// Advances the clock after a successful run. Attempts that read the new time began after that run.
pub(super) fn tick() -> u64 {
    SUCCESSES.fetch_add(1, Ordering::Relaxed) + 1
}
