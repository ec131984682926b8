//! The last N calls: a ring with one byte for each.

use super::{Entry, Tally};

#[derive(Debug)]
pub(crate) struct CountWindow {
    ring: Box<[Entry]>,
    /// Where the next call goes, over the oldest one once the ring is full.
    next: usize,
    tally: Tally,
}

impl CountWindow {
    pub(crate) fn new(calls: u32) -> Self {
        Self { ring: vec![Entry::OK; calls as usize].into(), next: 0, tally: Tally::default() }
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        if self.tally.total as usize == self.ring.len() {
            self.tally.remove(self.ring[self.next]);
        }
        self.ring[self.next] = entry;
        self.tally.add(entry);
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
    }

    /// Records a success, if the window holds nothing else: then it replaces its like, and there is only to count.
    pub(crate) fn record_ok(&mut self) -> bool {
        if !self.tally.is_clean() {
            return false;
        }
        let full = self.tally.total as usize == self.ring.len();
        self.ring[self.next] = Entry::OK;
        self.tally.total += u32::from(!full);
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        true
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// What is left in the ring counts as never recorded: only a full ring is read.
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

    proptest! {
        /// [S19] a count window is truly the last N outcomes, also after it was cleared.
        #[test]
        fn is_the_last_n(size in 1_usize..20, steps in prop::collection::vec(prop::option::weighted(0.95, 0_u8..8), 0..200)) {
            let mut window = CountWindow::new(size as u32);
            let mut last: VecDeque<Entry> = VecDeque::new();
            for step in steps {
                if let Some(bits) = step {
                    window.record(Entry(bits));
                    last.push_back(Entry(bits));
                    if last.len() > size {
                        last.pop_front();
                    }
                } else {
                    window.clear();
                    last.clear();
                }
                let mut naive = Tally::default();
                last.iter().for_each(|entry| naive.add(*entry));
                prop_assert_eq!(window.tally(), naive);
            }
        }
    }
}
