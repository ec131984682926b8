//! `Shards`: what threads count of a closed circuit.

use crate::counters::sync::{AtomicU64, Ordering};
use crate::counters::thread_slot;

/// Counters of calls that pass without the circuit's lock. The holder of the lock reads the sums.
///
/// A thread that calls often has a shard of its own, which costs no atomic read-modify-write. All other threads share a few
/// shards.
#[derive(Debug)]
pub(crate) struct Shards {
    own: Box<[OwnShard]>,
    shared: Box<[SharedShard]>,
}

/// The counters of one thread. No other thread adds to them, so a load and a store are enough.
///
/// Two cache lines, since processors prefetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct OwnShard {
    /// Calls that this thread admitted.
    admitted: AtomicU64,
    /// Calls that this thread refused.
    refused: AtomicU64,
    /// Calls that succeeded on this thread.
    succeeded: AtomicU64,
    /// The successes that were collected. Only the holder of the circuit's lock writes it.
    collected: AtomicU64,
    /// The epoch of the successes that are not collected; this thread sets it under the lock.
    epoch: AtomicU64,
}

/// The counters of several threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct SharedShard {
    admitted: AtomicU64,
    refused: AtomicU64,
    /// Successes that are not collected, and the epoch that they belong to, in one word: otherwise one thread could count a
    /// success of an old epoch while another thread begins to count those of a new one.
    succeeded: AtomicU64,
}

/// The epoch of a shard that counts no epoch yet. It differs from that of a call that only shadow mode admits.
const UNSET: u64 = u64::MAX;

/// The count in [`SharedShard::succeeded`]: the lower half of the word.
const COUNT: u64 = u32::MAX as u64;

/// At this count the next success takes the lock, which collects all others.
const FULL: u64 = COUNT / 2;

/// Successes since they were last collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewSuccesses {
    /// Those of the present epoch.
    pub(crate) current: u64,
    /// Those of earlier epochs.
    pub(crate) late: u64,
}

impl NewSuccesses {
    fn add(&mut self, count: u64, is_current: bool) {
        *if is_current { &mut self.current } else { &mut self.late } += count;
    }
}

impl OwnShard {
    fn new() -> Self {
        let [admitted, refused, succeeded, collected] = [0; 4].map(AtomicU64::new);
        Self { admitted, refused, succeeded, collected, epoch: AtomicU64::new(UNSET) }
    }

    #[inline]
    pub(crate) fn admit(&self) {
        add_one(&self.admitted);
    }

    /// Counts a success of this epoch. Returns `false` if this shard does not count that epoch.
    #[inline]
    pub(crate) fn succeed(&self, epoch: u64) -> bool {
        let counts = self.epoch.load(Ordering::Relaxed) == epoch;
        if counts {
            add_one(&self.succeeded);
        }
        counts
    }
}

impl SharedShard {
    fn new() -> Self {
        let [admitted, refused] = [0; 2].map(AtomicU64::new);
        Self { admitted, refused, succeeded: AtomicU64::new(epoch_bits(UNSET)) }
    }

    fn admit(&self) {
        self.admitted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a success of this epoch. Returns `false` if this shard does not count that epoch, or is full.
    fn succeed(&self, epoch: u64) -> bool {
        // Release: see `collect`.
        let counted = self.succeeded.fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
            (word & !COUNT == epoch_bits(epoch) && word & COUNT < FULL).then_some(word + 1)
        });
        counted.is_ok()
    }

    /// Takes the successes, and counts those of `epoch` from now on.
    fn collect(&self, epoch: u64, into: &mut NewSuccesses) {
        if self.succeeded.load(Ordering::Relaxed) == epoch_bits(epoch) {
            return;
        }
        let word = self.succeeded.swap(epoch_bits(epoch), Ordering::Acquire);
        into.add(word & COUNT, word & !COUNT == epoch_bits(epoch));
    }
}

/// An epoch in the upper half of a word. The lower half of the number is enough: no call lasts for four billion epochs.
const fn epoch_bits(epoch: u64) -> u64 {
    epoch << 32
}

impl Shards {
    /// Creates shards for threads that call often, one for each, and for all others.
    pub(crate) fn new(own: usize, shared: usize) -> Self {
        Self {
            own: (0..own).map(|_| OwnShard::new()).collect(),
            shared: (0..shared).map(|_| SharedShard::new()).collect(),
        }
    }

    /// Returns the shard of the thread with this slot, if it has one of its own.
    #[inline]
    pub(crate) fn own(&self, slot: usize) -> Option<&OwnShard> {
        self.own.get(slot)
    }

    fn shared(&self, slot: usize) -> Option<&SharedShard> {
        if self.shared.is_empty() { None } else { self.shared.get(slot % self.shared.len()) }
    }

    /// Counts an admitted call. Returns `false` if there is no shard.
    #[inline]
    pub(crate) fn admit(&self, slot: usize) -> bool {
        match self.own(slot) {
            Some(shard) => {
                shard.admit();
                true
            }
            None => self.admit_shared(slot),
        }
    }

    #[cold]
    fn admit_shared(&self, slot: usize) -> bool {
        thread_slot::claim();
        self.shared(slot).map(SharedShard::admit).is_some()
    }

    /// Counts a refused call. Returns `false` if there is no shard.
    pub(crate) fn refuse(&self, slot: usize) -> bool {
        match (self.own(slot), self.shared(slot)) {
            (Some(shard), _) => add_one(&shard.refused),
            (None, Some(shard)) => _ = shard.refused.fetch_add(1, Ordering::Relaxed),
            (None, None) => return false,
        }
        true
    }

    /// Counts a success of this epoch. Returns `false` if there is no shard, or the shard does not count that epoch.
    #[inline]
    pub(crate) fn succeed(&self, slot: usize, epoch: u64) -> bool {
        match self.own(slot) {
            Some(shard) => shard.succeed(epoch),
            None => self.succeed_shared(slot, epoch),
        }
    }

    #[cold]
    fn succeed_shared(&self, slot: usize, epoch: u64) -> bool {
        self.shared(slot).is_some_and(|shard| shard.succeed(epoch))
    }

    /// Lets this thread count the successes of `epoch` from now on. Needs the lock, after [`collect`](Self::collect).
    pub(crate) fn allow_fast_count(&self, slot: usize, epoch: u64) {
        // A shared shard counts the epoch with which it was last collected.
        if let Some(shard) = self.own(slot) {
            shard.epoch.store(epoch, Ordering::Relaxed);
        }
    }

    /// Collects the successes since the last call. Needs the lock. A success that is counted while `epoch` ends was collected
    /// with it, or is late.
    pub(crate) fn collect(&self, epoch: u64) -> NewSuccesses {
        let mut new = NewSuccesses::default();
        for shard in &self.own {
            // Acquire: a reader that sees a success sees that its call was admitted.
            let succeeded = shard.succeeded.load(Ordering::Acquire);
            let count = succeeded - shard.collected.load(Ordering::Relaxed);
            if count > 0 {
                shard.collected.store(succeeded, Ordering::Relaxed);
                new.add(count, shard.epoch.load(Ordering::Relaxed) == epoch);
            }
        }
        self.shared.iter().for_each(|shard| shard.collect(epoch, &mut new));
        new
    }

    /// Returns the number of successes that are not collected. Needs the lock.
    pub(crate) fn uncollected(&self) -> u64 {
        let own = self
            .own
            .iter()
            .map(|shard| shard.succeeded.load(Ordering::Acquire) - shard.collected.load(Ordering::Relaxed));
        let shared = self.shared.iter().map(|shard| shard.succeeded.load(Ordering::Acquire) & COUNT);
        own.chain(shared).sum()
    }

    /// Returns the number of refused calls.
    pub(crate) fn refused(&self) -> u64 {
        self.sum(|shard| &shard.refused, |shard| &shard.refused)
    }

    /// Returns the number of admitted calls: all whose success was collected, and maybe more.
    pub(crate) fn admitted(&self) -> u64 {
        self.sum(|shard| &shard.admitted, |shard| &shard.admitted)
    }

    fn sum(&self, own: impl Fn(&OwnShard) -> &AtomicU64, shared: impl Fn(&SharedShard) -> &AtomicU64) -> u64 {
        self.own
            .iter()
            .map(own)
            .chain(self.shared.iter().map(shared))
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

/// Adds one to a counter that only this thread writes.
fn add_one(counter: &AtomicU64) {
    let count = counter.load(Ordering::Relaxed);
    // Release: see `collect`.
    counter.store(count + 1, Ordering::Release);
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// [S25] a reader that sees a success sees that its call was admitted.
    #[test]
    fn a_success_comes_after_its_admission() {
        for slot in [0, 1] {
            loom::model(move || {
                let shards = Arc::new(Shards::new(1, 1));
                shards.collect(1);
                shards.allow_fast_count(0, 1);
                // The reader is the spawned thread: the other way round loom doesn't try all orders.
                let reader = {
                    let shards = Arc::clone(&shards);
                    thread::spawn(move || {
                        let succeeded = shards.collect(1).current;
                        assert!(shards.admitted() >= succeeded);
                    })
                };
                assert!(shards.admit(slot) && shards.succeed(slot, 1));
                reader.join().unwrap();
            });
        }
    }

    /// [S23] two threads that share a shard count each success once, in its epoch or as late.
    #[test]
    fn a_shared_shard_keeps_epochs_apart() {
        loom::model(|| {
            let shards = Arc::new(Shards::new(0, 1));
            shards.collect(1);
            let other = {
                let shards = Arc::clone(&shards);
                thread::spawn(move || u64::from(shards.succeed(0, 1)))
            };
            let mut counted = u64::from(shards.succeed(1, 1));
            // The epoch ends.
            let before = shards.collect(2);
            counted += other.join().unwrap();
            let after = shards.collect(2);
            assert_eq!(before.late + after.late, counted);
            assert_eq!(before.current + after.current, 0, "no success of the second epoch");
        });
    }
}
