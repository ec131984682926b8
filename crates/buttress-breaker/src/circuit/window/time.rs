//! The calls of a time span: a ring of buckets.

use super::{Entry, Tally};
use crate::circuit::time::Nanos;

#[derive(Debug)]
pub(crate) struct TimeWindow {
    ring: Box<[Tally]>,
    /// The length of a bucket; buckets begin at its multiples.
    length: Nanos,
    /// The place of the latest bucket.
    head: usize,
    /// When the latest bucket ends.
    ends: Nanos,
    /// Sum of all buckets.
    tally: Tally,
}

impl TimeWindow {
    pub(crate) fn new(span: Nanos, buckets: u32) -> Self {
        let length = (span / Nanos::from(buckets)).max(1);
        let ring = vec![Tally::default(); buckets as usize].into();
        Self { ring, length, head: 0, ends: length, tally: Tally::default() }
    }

    pub(crate) fn record(&mut self, entry: Entry, now: Nanos) {
        self.slide(now);
        self.ring[self.head].add(entry);
        self.tally.add(entry);
    }

    /// Records `calls` successes in the latest bucket.
    pub(crate) fn record_successes(&mut self, calls: u64) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        for total in [&mut self.ring[self.head].total, &mut self.tally.total] {
            *total = total.saturating_add(calls);
        }
    }

    /// Adds the buckets of another window, each at its beginning, so that no call stays for longer than in a window that always
    /// had this span. Both windows must be at the same time.
    pub(super) fn take_over(&mut self, other: &Self) {
        let buckets = other.ring.len();
        let now = self.ends.saturating_sub(1) / self.length;
        for back in 0..buckets {
            let tally = &other.ring[(other.head + buckets - back) % buckets];
            let began = other.ends.saturating_sub(other.length.saturating_mul(back as Nanos + 1));
            let age = now.saturating_sub(began / self.length);
            if tally.total > 0 && age < self.ring.len() as Nanos {
                let at = (self.head + self.ring.len() - age as usize) % self.ring.len();
                self.ring[at].add_all(tally);
                self.tally.add_all(tally);
            }
        }
    }

    pub(crate) const fn latest_tally(&self) -> Tally {
        self.tally
    }

    /// Returns when the latest bucket ends.
    pub(crate) const fn ends(&self) -> Nanos {
        self.ends
    }

    pub(crate) fn tally(&mut self, now: Nanos) -> Tally {
        self.slide(now);
        self.tally
    }

    pub(crate) fn clear(&mut self) {
        self.ring.fill(Tally::default());
        self.tally = Tally::default();
    }

    /// Drops the buckets that are too old at `now`: mostly none, and at most all. An earlier time belongs to the latest bucket.
    fn slide(&mut self, now: Nanos) {
        if now < self.ends {
            return;
        }
        let passed = (now - self.ends) / self.length + 1;
        if passed >= self.ring.len() as Nanos {
            self.clear();
        } else {
            for _ in 0..passed {
                self.head = if self.head + 1 == self.ring.len() { 0 } else { self.head + 1 };
                let old = std::mem::take(&mut self.ring[self.head]);
                self.tally.take_away(&old);
            }
        }
        self.ends = self.ends.saturating_add(passed.saturating_mul(self.length));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// [S19] a time window holds the outcomes of the current bucket and of those before it that make up its span.
        #[test]
        fn is_the_last_buckets(
            buckets in 1_u32..12,
            length in 1_u64..50,
            calls in prop::collection::vec((0_u64..80, 0_u8..8), 0..200),
        ) {
            let mut window = TimeWindow::new(length * u64::from(buckets), buckets);
            let (mut now, mut all) = (0, Vec::new());
            for (pause, bits) in calls {
                now += pause;
                window.record(Entry(bits), now);
                all.push((now / length, Entry(bits)));
                let mut naive = Tally::default();
                let young = all.iter().filter(|(bucket, _)| bucket + u64::from(buckets) > now / length);
                young.for_each(|(_, entry)| naive.add(*entry));
                prop_assert_eq!(window.tally(now), naive);
            }
        }
    }

    proptest! {
        /// [S27] a window of another size takes over what the old one holds and it would hold itself, and never a call
        /// that it would have forgotten.
        #[test]
        fn takes_over(
            (old, new) in ((1_u32..12, 1_u64..50), (1_u32..12, 1_u64..50)),
            calls in prop::collection::vec((0_u64..80, 0_u8..8), 0..100),
            later in 0_u64..200,
        ) {
            let window = |(buckets, length): (u32, u64)| TimeWindow::new(length * u64::from(buckets), buckets);
            let (mut had, mut has, mut always) = (window(old), window(new), window(new));
            let mut now = 0;
            for (pause, bits) in calls {
                now += pause;
                had.record(Entry(bits), now);
                always.record(Entry(bits), now);
            }
            had.tally(now);
            has.tally(now);
            has.take_over(&had);
            let naive = |at: u64| {
                // Buckets of the old window, placed by their beginning.
                let mut sum = Tally::default();
                for back in 0..u64::from(old.0) {
                    let began = (now / old.1).checked_sub(back).map(|bucket| bucket * old.1);
                    let buckets = had.ring.len();
                    let tally = &had.ring[(had.head + buckets - back as usize) % buckets];
                    if began.is_some_and(|began| began / new.1 + u64::from(new.0) > at / new.1) {
                        sum.add_all(tally);
                    }
                }
                sum
            };
            prop_assert_eq!(has.tally(now), naive(now));
            prop_assert_eq!(has.tally(now + later), naive(now + later));
            prop_assert!(has.tally(now + later).total <= always.tally(now + later).total);
        }
    }

    /// [S5] arithmetic saturates at the end of time, and a time that goes backwards loses nothing.
    #[test]
    fn saturates() {
        let mut window = TimeWindow::new(u64::MAX, 2);
        window.record(Entry::FAILED, u64::MAX / 4);
        window.record(Entry::FAILED, u64::MAX - 2);
        assert_eq!(window.tally(u64::MAX - 2).failed, 2, "the longest window forgets nothing");
        window.record(Entry::FAILED, u64::MAX);
        let mut window = TimeWindow::new(1000, 10);
        window.record(Entry::FAILED, 950);
        window.record(Entry::SUCCESS, 3);
        assert_eq!(
            window.tally(10),
            Tally { total: 2, failed: 1, ..Tally::default() },
            "time went backwards"
        );
    }
}
