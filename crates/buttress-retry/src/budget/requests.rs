//! `RequestCounter`: counts the requests of a sliding window, without a lock.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{AtomicU64, Ordering};

/// The slots in the window.
pub(super) const SLOTS: usize = 10;

/// The slots in all, which are reused in turn. A power of two needs no division.
const RING: usize = 16;

/// The requests in each slot of time. A slot is one word, the number of the slot above and its count below, so that no
/// request is counted in a slot of another time. No word depends on another, so every access is relaxed.
#[derive(Debug)]
pub(super) struct RequestCounter {
    /// The time of the first request, where slot 0 begins.
    origin: OnceLock<Instant>,
    /// 2⁶⁴ divided by the length of a slot in nanoseconds, because a multiplication is several times as fast as a division.
    per_nano: u64,
    slots: [AtomicU64; RING],
}

/// The mask of the count. The number above it wraps after 2³² slots: five days of the shortest, 136 years of the default.
const COUNT: u64 = u32::MAX as u64;

/// If a slot is ahead of the clock by less than this, the clock has gone back. If it is ahead by more, it is old and the
/// numbers have wrapped.
const BACK: u32 = 1 << 16;

/// The count at which a slot stops, far enough below the mask that concurrent threads cannot overflow into the number.
const FULL: u64 = COUNT - (1 << 20);

impl RequestCounter {
    pub(super) fn new(window: Duration) -> Self {
        let nanos = (window / SLOTS as u32).as_nanos().max(1);
        // Rounded up, so that the first moment of a slot is in it.
        let per_nano = u64::try_from((1_u128 << 64) / nanos + 1).unwrap_or(u64::MAX);
        Self { origin: OnceLock::new(), per_nano, slots: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Counts a request.
    #[inline]
    pub(super) fn add(&self, now: Instant) {
        self.add_to(self.number(now));
    }

    #[inline]
    fn add_to(&self, number: u64) {
        let slot = &self.slots[index(number)];
        let word = slot.load(Ordering::Relaxed);
        if word >> 32 == number & COUNT && word & COUNT < FULL {
            // If another thread has reused the slot in between, the request counts sixteen slots later.
            slot.fetch_add(1, Ordering::Relaxed);
        } else {
            self.reuse(slot, number & COUNT);
        }
    }

    /// Counts the first request of a slot, or one for which the clock has gone back.
    #[cold]
    fn reuse(&self, slot: &AtomicU64, number: u64) {
        let count = |word: u64| match after(word, number) < BACK {
            true if word & COUNT < FULL => Some(word + 1),
            true => None,
            false => Some(number << 32 | 1),
        };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
    }

    /// Returns the number of the latest slot, and the requests in the window that ends with it. The latest slot is that of
    /// `now`, unless the clock has gone back.
    pub(super) fn sum(&self, now: Instant) -> (u64, u64) {
        let words = || self.slots.iter().map(|slot| slot.load(Ordering::Relaxed));
        let now = self.number(now);
        let later = words().map(|word| after(word, now)).filter(|later| *later < BACK);
        let head = now + u64::from(later.max().unwrap_or(0));
        let recent = words().filter(|word| after(*word, head).wrapping_neg() < SLOTS as u32);
        (head, recent.map(|word| word & COUNT).sum())
    }

    /// Returns the requests in all slots, also those that have left the window.
    pub(super) fn total(&self) -> u64 {
        self.slots.iter().map(|slot| slot.load(Ordering::Relaxed) & COUNT).sum()
    }

    #[inline]
    fn number(&self, now: Instant) -> u64 {
        let origin = *self.origin.get_or_init(|| now);
        let nanos = now.saturating_duration_since(origin).as_nanos() as u64;
        ((u128::from(nanos) * u128::from(self.per_nano)) >> 64) as u64
    }
}

/// Returns by how many slots that of `word` is after slot `number`. As numbers wrap, earlier slots are far after it.
const fn after(word: u64, number: u64) -> u32 {
    ((word >> 32) as u32).wrapping_sub(number as u32)
}

const fn index(number: u64) -> usize {
    (number % RING as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The multiplication is exact: a slot begins neither early nor late.
        #[test]
        fn slots_begin_in_time(millis in 1_u64..3_600_000, slot in 0_u64..10_000_000) {
            let requests = RequestCounter::new(Duration::from_millis(millis));
            let start = Instant::now();
            prop_assert_eq!(requests.number(start), 0);
            let length = Duration::from_millis(millis) / SLOTS as u32;
            let begin = start + Duration::from_nanos(length.as_nanos() as u64 * slot);
            prop_assert_eq!(requests.number(begin), slot);
            prop_assert_eq!(requests.number(begin + length / 2), slot);
        }
    }

    /// [S5] [S14] When numbers wrap, recent requests count, and those of long ago don't.
    #[test]
    fn numbers_wrap() {
        let requests = RequestCounter::new(Duration::from_millis(1));
        let slot = Duration::from_micros(100);
        let start = Instant::now();
        requests.add(start);
        let about = start + slot * (u32::MAX - 100);
        let before = slot * (2 * BACK);
        (0..16).for_each(|n| requests.add(about - before + slot * n));
        for n in 0..200 {
            let now = about + slot * n;
            requests.add(now);
            requests.add(now);
            let number = u64::from(u32::MAX - 100) + u64::from(n);
            assert_eq!(requests.sum(now), (number, u64::from(n + 1).min(SLOTS as u64) * 2), "{n}");
        }
        // Nearly a whole wrap later without requests, no old slot is taken for a recent one.
        let (_, sum) = requests.sum(about + slot * (u32::MAX - 2 * BACK));
        assert_eq!(sum, 0);
    }

    /// A full slot stops counting and keeps its number.
    #[test]
    fn a_full_slot() {
        let (requests, now) = (RequestCounter::new(Duration::from_secs(10)), Instant::now());
        requests.add(now);
        requests.slots[0].store(FULL, Ordering::Relaxed);
        requests.add(now);
        assert_eq!(requests.sum(now), (0, FULL));
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// [S14] However reuses and counts interleave, no request is lost or counted twice.
    #[test]
    fn every_request_is_counted_once() {
        loom::model(|| {
            let requests = Arc::new(RequestCounter::new(Duration::from_secs(10)));
            requests.add_to(3);
            let calls = [19, 19].map(|number| {
                let requests = Arc::clone(&requests);
                thread::spawn(move || requests.add_to(number))
            });
            requests.add_to(20);
            calls.into_iter().for_each(|call| call.join().unwrap());
            let word = |number| requests.slots[index(number)].load(Ordering::Relaxed);
            assert_eq!((word(19) >> 32, word(19) & COUNT), (19, 2));
            assert_eq!((word(20) >> 32, word(20) & COUNT), (20, 1));
        });
    }
}
