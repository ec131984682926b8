//! What a budget has done so far, in numbers.

use crate::sync::{AtomicU64, Ordering};

/// Counts of a [`Budget`](crate::Budget) since it was made, whatever its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStats {
    /// Retries that began. (One that was granted, and given back since its attempt never began, is none.)
    pub spent: u64,
    /// Retries that were refused: calls that ended with their failure because the budget was spent.
    pub refused: u64,
}

/// Nothing else depends on these numbers, so every access is relaxed. No call that succeeds at once touches them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    spent: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    pub(super) fn spent(&self) {
        self.spent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> BudgetStats {
        BudgetStats {
            spent: self.spent.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}
