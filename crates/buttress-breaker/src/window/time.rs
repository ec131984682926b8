//! The calls of the last while: a ring of buckets.

use super::{Entry, Tally};
use crate::state::Nanos;

#[derive(Debug)]
pub(crate) struct TimeWindow {
    ring: Box<[Tally]>,
    /// The length of a bucket; buckets begin at its multiples.
    length: Nanos,
    /// The bucket of now in the ring.
    head: usize,
    /// When the bucket of now ends.
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

    /// Records a success, if the window holds nothing else.
    pub(crate) fn record_ok(&mut self, now: Nanos) -> bool {
        self.slide(now);
        if self.tally.is_clean() {
            self.ring[self.head].total = self.ring[self.head].total.saturating_add(1);
            self.tally.total = self.tally.total.saturating_add(1);
        }
        self.tally.is_clean()
    }

    pub(crate) fn tally(&mut self, now: Nanos) -> Tally {
        self.slide(now);
        self.tally
    }

    pub(crate) fn clear(&mut self) {
        self.ring.fill(Tally::default());
        self.tally = Tally::default();
    }

    /// Forgets the buckets that `now` has left behind: none mostly, never more than the ring has. A time before the
    /// bucket of now belongs to it.
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
        window.record(Entry::OK, 3);
        assert_eq!(
            window.tally(10),
            Tally { total: 2, failed: 1, ..Tally::default() },
            "time went backwards"
        );
    }
}
