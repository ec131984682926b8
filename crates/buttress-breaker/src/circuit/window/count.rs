//! The last N calls: a ring with one byte for each.

use super::{Entry, Tally};

#[derive(Debug)]
pub(crate) struct CountWindow {
    ring: Box<[Entry]>,
    /// The place of the next call. Once the ring is full, it is that of the oldest call.
    next: usize,
    tally: Tally,
}

impl CountWindow {
    pub(crate) fn new(calls: u32) -> Self {
        Self { ring: vec![Entry::SUCCESS; calls as usize].into(), next: 0, tally: Tally::default() }
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        if self.tally.total as usize == self.ring.len() {
            self.tally.remove(self.ring[self.next]);
        }
        self.ring[self.next] = entry;
        self.tally.add(entry);
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
    }

    /// Records `calls` successes.
    pub(crate) fn record_successes(&mut self, calls: u64) {
        if calls < self.ring.len() as u64 {
            (0..calls).for_each(|_| self.record(Entry::SUCCESS));
        } else {
            self.ring.fill(Entry::SUCCESS);
            self.next = 0;
            self.tally = Tally { total: self.ring.len() as u32, ..Tally::default() };
        }
    }

    /// Records the calls of another window.
    pub(super) fn take_over(&mut self, other: &Self) {
        let (younger, older) = other.ring.split_at(other.next);
        let older = if other.tally.total as usize == other.ring.len() { older } else { &[] };
        older.iter().chain(younger).for_each(|entry| self.record(*entry));
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// The entries in the ring need not be reset, since only a full ring is read.
    pub(crate) fn clear(&mut self) {
        self.next = 0;
        self.tally = Tally::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Resize(usize),
        Record(Entry),
        RecordSuccesses(u64),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            16 => (0_u8..8).prop_map(|bits| Step::Record(Entry(bits))),
            3 => (0_u64..30).prop_map(Step::RecordSuccesses),
            1 => Just(Step::Clear),
            1 => (1_usize..20).prop_map(Step::Resize),
        ]
    }

    proptest! {
        /// [S19] [S27] a count window is truly the last N outcomes, also after it was cleared or made shorter; made longer,
        /// it knows what the shorter one knew.
        #[test]
        fn is_the_last_n(mut size in 1_usize..20, steps in prop::collection::vec(step(), 0..200)) {
            let mut window = CountWindow::new(size as u32);
            let mut last: VecDeque<Entry> = VecDeque::new();
            for step in steps {
                match step {
                    Step::Resize(new) => {
                        let mut resized = CountWindow::new(new as u32);
                        resized.take_over(&window);
                        (window, size) = (resized, new);
                    }
                    Step::Record(entry) => {
                        window.record(entry);
                        last.push_back(entry);
                    }
                    Step::RecordSuccesses(calls) => {
                        window.record_successes(calls);
                        last.extend((0..calls).map(|_| Entry::SUCCESS));
                    }
                    Step::Clear => {
                        window.clear();
                        last.clear();
                    }
                }
                last.drain(..last.len().saturating_sub(size));
                let mut naive = Tally::default();
                last.iter().for_each(|entry| naive.add(*entry));
                prop_assert_eq!(window.tally(), naive);
            }
        }
    }
}
