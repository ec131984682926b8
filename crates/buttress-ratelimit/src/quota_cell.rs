//! `QuotaCell`: a quota that calls read without a lock while it is being replaced.

use std::sync::{Mutex, PoisonError};

use crate::quota::Quota;
use crate::sync::{AtomicU64, Ordering};

/// A sequence lock: the version is odd while the two numbers are being replaced, and a reader that finds it odd, or changed,
/// reads again.
#[derive(Debug)]
pub(crate) struct QuotaCell {
    version: AtomicU64,
    per_permit: AtomicU64,
    burst: AtomicU64,
    /// Held by the one thread that replaces the quota.
    writer: Mutex<()>,
}

impl QuotaCell {
    pub(crate) fn new(quota: Quota) -> Self {
        Self {
            version: AtomicU64::new(0),
            per_permit: AtomicU64::new(quota.per_permit()),
            burst: AtomicU64::new(quota.burst().into()),
            writer: Mutex::new(()),
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Quota {
        loop {
            let version = self.version.load(Ordering::Acquire);
            // Acquire: a reader that reads a new number reads the odd version too.
            let per_permit = self.per_permit.load(Ordering::Acquire);
            let burst = self.burst.load(Ordering::Acquire);
            if version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version {
                return Quota::new(per_permit, burst as u32);
            }
            #[cfg(buttress_loom)]
            loom::thread::yield_now();
        }
    }

    pub(crate) fn set(&self, quota: Quota) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        // Release: the odd version comes before the numbers.
        self.per_permit.store(quota.per_permit(), Ordering::Release);
        self.burst.store(quota.burst().into(), Ordering::Release);
        self.version.store(version + 2, Ordering::Release);
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// No reader sees the permits of one rate with the burst of another.
    #[test]
    fn a_quota_is_read_whole() {
        loom::model(|| {
            let cell = Arc::new(QuotaCell::new(Quota::new(1, 1)));
            let writer = {
                let cell = Arc::clone(&cell);
                thread::spawn(move || cell.set(Quota::new(2, 2)))
            };
            let quota = cell.get();
            assert_eq!(quota.per_permit(), u64::from(quota.burst()));
            writer.join().unwrap();
            assert_eq!(cell.get(), Quota::new(2, 2));
        });
    }
}
