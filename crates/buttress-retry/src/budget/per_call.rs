//! Budgets that bounded one call each: the sign of a policy that is built for each call.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::events;

/// How many such budgets are a pattern, and no short program.
const PATTERN: u32 = 20;

/// Of the whole program: a budget that is gone can't count.
static DROPPED: AtomicU32 = AtomicU32::new(0);

/// A budget was dropped that counted one request and was asked for a retry of it. Warns once in a program.
pub(super) fn dropped() {
    if DROPPED.fetch_add(1, Ordering::Relaxed) + 1 == PATTERN {
        events::budget_of_one_call(PATTERN);
    }
}
