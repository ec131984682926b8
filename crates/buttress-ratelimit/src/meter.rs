//! `Meter`: the arrival time of one limit, shared among threads.

use crate::quota::{Grant, Quota};
use crate::sync::{AtomicU64, Ordering};

/// One word. Nothing else depends on it, so every access is relaxed.
#[derive(Debug)]
pub(crate) struct Meter(AtomicU64);

/// Why a call gets no permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It would have to wait for longer than it may.
    For(u64),
    /// The weight is greater than the burst.
    Never,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes `weight` permits, and returns how long the call has to wait for them. A refused call changes nothing.
    #[inline]
    pub(crate) fn take(&self, quota: Quota, now: u64, weight: u32, max_wait: u64) -> Result<u64, Refused> {
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let (next, wait) = match quota.take(arrival, now, weight) {
                Grant::After { arrival, wait } if wait <= max_wait => (arrival, wait),
                Grant::After { wait, .. } => return Err(Refused::For(wait)),
                Grant::Never => return Err(Refused::Never),
            };
            match self.0.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(wait),
                Err(current) => arrival = current,
            }
        }
    }

    pub(crate) fn give_back(&self, quota: Quota, now: u64, weight: u32) {
        self.change(|arrival| quota.give_back(arrival, now, weight));
    }

    pub(crate) fn settle(&self, quota: Quota, now: u64, reserved: u32, actual: u32) {
        self.change(|arrival| quota.settle(arrival, now, reserved, actual));
    }

    pub(crate) fn drain(&self, quota: Quota, now: u64, wait: u64) {
        self.change(|arrival| quota.drain(arrival, now, wait));
    }

    pub(crate) fn available(&self, quota: Quota, now: u64) -> u32 {
        quota.available(self.0.load(Ordering::Relaxed), now)
    }

    pub(crate) fn is_used(&self, now: u64) -> bool {
        self.0.load(Ordering::Relaxed) > now
    }

    fn change(&self, change: impl Fn(u64) -> u64) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| Some(change(arrival)));
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    const QUOTA: Quota = Quota::new(10, 3);

    /// [S30] Of three permits, threads never get more than three; permits that are given back can be taken again, and at
    /// rest none is lost.
    #[test]
    fn permits_are_neither_lost_nor_doubled() {
        loom::model(|| {
            let meter = Arc::new(Meter::new());
            let call = |meter: Arc<Meter>| {
                thread::spawn(move || {
                    let taken = meter.take(QUOTA, 0, 2, 0).is_ok();
                    if taken {
                        meter.give_back(QUOTA, 0, 1);
                    }
                    taken
                })
            };
            let calls = [call(Arc::clone(&meter)), call(Arc::clone(&meter))];
            let taken: u32 = calls.into_iter().map(|call| u32::from(call.join().unwrap())).sum();
            assert!(taken >= 1);
            assert_eq!(meter.available(QUOTA, 0), 3 - taken);
        });
    }

    /// [S30] Waiters of two threads get two different times.
    #[test]
    fn reservations_do_not_overlap() {
        loom::model(|| {
            let meter = Arc::new(Meter::new());
            let call = |meter: Arc<Meter>| thread::spawn(move || meter.take(QUOTA, 0, 3, u64::MAX).unwrap());
            let calls = [call(Arc::clone(&meter)), call(Arc::clone(&meter))];
            let mut waits = calls.map(|call| call.join().unwrap());
            waits.sort_unstable();
            assert_eq!(waits, [0, 30]);
        });
    }
}
