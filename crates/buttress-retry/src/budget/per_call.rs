//! Detects budgets that served one call each: the sign of a policy that is built for each call.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::events;

/// How many such budgets are reported. Short programs drop fewer.
const THRESHOLD: u32 = 20;

/// Counted per process, because a dropped budget keeps no count.
static DROPPED: AtomicU32 = AtomicU32::new(0);

/// Records that a budget was dropped after one call that needed a retry. Warns once per process.
pub(super) fn budget_dropped() {
    if DROPPED.fetch_add(1, Ordering::Relaxed) + 1 == THRESHOLD {
        events::budget_of_one_call(THRESHOLD);
    }
}
