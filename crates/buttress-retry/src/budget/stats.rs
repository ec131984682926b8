//! `BudgetStats`: the counts of a budget.

use crate::sync::{AtomicU64, Ordering};

/// Counts of a [`Budget`](crate::Budget) since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStats {
    /// Retries that began. A granted retry whose attempt never began is not counted.
    pub spent: u64,
    /// Retries that were refused. Each is a call that ended with its failure because the budget was empty.
    pub refused: u64,
}

/// Every access is relaxed, as no other data depends on these numbers. A call that succeeds at once does not change them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    spent: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(super) fn add_spent(&self) {
        self.spent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> BudgetStats {
        BudgetStats {
            spent: self.spent.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}
