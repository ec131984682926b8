//! The times of the last failures: a ring with eight bytes for each.

use crate::circuit::time::Nanos;

/// The times of the latest failures, as many as break the rule.
#[derive(Clone, Debug)]
pub(crate) struct RecentFailures {
    ring: Box<[Nanos]>,
    /// The place of the next failure. Once the ring is full, it is that of the oldest failure.
    next: usize,
    /// The number of failures in the ring.
    count: usize,
    within: Nanos,
}

impl RecentFailures {
    /// Creates the ring of a rule that `failures` failures, 1 or more, within this time break.
    pub(crate) fn new(failures: u32, within: Nanos) -> Self {
        Self { ring: vec![0; failures as usize].into(), next: 0, count: 0, within }
    }

    /// Takes constant time.
    pub(crate) fn record(&mut self, now: Nanos) {
        self.ring[self.next] = now;
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        self.count = self.ring.len().min(self.count + 1);
    }

    /// Returns `true` if it holds as many failures as break the rule, and the oldest of them is within the time.
    pub(crate) fn is_broken(&self, now: Nanos) -> bool {
        self.count == self.ring.len() && now.saturating_sub(self.ring[self.next]) <= self.within
    }

    /// Records the failures of the fullest of the `old` rings.
    pub(crate) fn refill(&mut self, old: &[Self]) {
        if let Some(fullest) = old.iter().max_by_key(|old| old.count) {
            fullest.oldest_first().for_each(|at| self.record(at));
        }
    }

    fn oldest_first(&self) -> impl Iterator<Item = Nanos> {
        let start = self.next + self.ring.len() - self.count;
        (start..start + self.count).map(|at| self.ring[at % self.ring.len()])
    }

    pub(crate) const fn clear(&mut self) {
        (self.next, self.count) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Record,
        Clear,
        Resize(u32, Nanos),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            20 => Just(Step::Record),
            1 => Just(Step::Clear),
            1 => (1_u32..8, 0_u64..60).prop_map(|(failures, within)| Step::Resize(failures, within)),
        ]
    }

    proptest! {
        /// [S19] [S27] the rule is broken exactly when a list of all failures says so, also after it was cleared or got other
        /// numbers; a longer ring knows what the shorter one knew.
        #[test]
        fn counts_as_a_list_does(steps in prop::collection::vec((0_u64..20, step()), 0..200)) {
            let (mut failures, mut within, mut now) = (3, 30, 0);
            let mut ring = RecentFailures::new(failures, within);
            let mut list: Vec<Nanos> = Vec::new();
            for (pause, step) in steps {
                now += pause;
                match step {
                    Step::Record => {
                        ring.record(now);
                        list.push(now);
                    }
                    Step::Clear => {
                        ring.clear();
                        list.clear();
                    }
                    Step::Resize(new, time) => {
                        list.drain(..list.len().saturating_sub(failures as usize));
                        (failures, within) = (new, time);
                        let old = std::mem::replace(&mut ring, RecentFailures::new(failures, within));
                        ring.refill(&[RecentFailures::new(1, 0), old]);
                    }
                }
                let young = list.iter().filter(|at| now - **at <= within).count();
                prop_assert_eq!(ring.is_broken(now), young >= failures as usize);
            }
        }
    }
}
