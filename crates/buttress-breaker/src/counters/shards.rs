//! `Shards`: what threads count of a closed circuit, each for itself.

use crate::counters::sync::{AtomicU64, Ordering};

/// Counters without a lock or an atomic read-modify-write: only the thread with the number of a shard adds to it, so a
/// load and a store will do. Whoever holds the lock of the circuit reads the sums.
#[derive(Debug)]
pub(crate) struct Shards(Box<[Shard]>);

/// Alone on its cache lines; two, since processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    /// Calls that this thread let pass.
    passed: AtomicU64,
    /// Calls that this thread refused.
    refused: AtomicU64,
    /// Successes that this thread counted.
    succeeded: AtomicU64,
    /// The epoch of all successes that were not taken yet, or [`NONE`]. Written by the owner, under the lock.
    epoch: AtomicU64,
    /// How many successes were taken. Read and written under the lock only.
    taken: AtomicU64,
}

/// No epoch, and not zero either: that is the epoch of calls which a shadow let pass, and these count for nothing.
const NONE: u64 = u64::MAX;

impl Shard {
    /// Counts a call that passes. By the thread whose shard this is.
    #[inline]
    pub(crate) fn pass(&self) {
        add_one(&self.passed);
    }

    /// Counts a success of this epoch. False: the shard is not known to be of this epoch. By the thread whose shard this is.
    #[inline]
    pub(crate) fn succeed(&self, epoch: u64) -> bool {
        // Relaxed: the owner reads what it wrote.
        let known = self.epoch.load(Ordering::Relaxed) == epoch;
        if known {
            add_one(&self.succeeded);
        }
        known
    }

    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        let (passed, refused, succeeded, taken) = (zero(), zero(), zero(), zero());
        Self { passed, refused, succeeded, taken, epoch: AtomicU64::new(NONE) }
    }
}

/// Successes that were counted since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Those of the present epoch.
    pub(crate) timely: u64,
    /// Those of earlier ones.
    pub(crate) late: u64,
}

impl Shards {
    pub(crate) fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| Shard::new()).collect())
    }

    /// That of this thread, if it has one.
    #[inline]
    pub(crate) fn of(&self, slot: usize) -> Option<&Shard> {
        self.0.get(slot)
    }

    /// Counts a call that passes. False: this thread has no shard.
    #[inline]
    pub(crate) fn pass(&self, slot: usize) -> bool {
        self.of(slot).map(Shard::pass).is_some()
    }

    /// Counts a call that is refused. False: this thread has no shard.
    pub(crate) fn refuse(&self, slot: usize) -> bool {
        self.0.get(slot).map(|shard| add_one(&shard.refused)).is_some()
    }

    /// Counts a success of this epoch. False: this thread has no shard, or its shard is not known to be of this epoch.
    #[inline]
    pub(crate) fn succeed(&self, slot: usize, epoch: u64) -> bool {
        self.of(slot).is_some_and(|shard| shard.succeed(epoch))
    }

    /// Lets this thread count the successes of `epoch` from now on. Under the lock, with all successes taken.
    pub(crate) fn enlist(&self, slot: usize, epoch: u64) {
        if let Some(shard) = self.0.get(slot) {
            shard.epoch.store(epoch, Ordering::Relaxed);
        }
    }

    /// Under the lock. A success that is counted while `epoch` ends was taken with it, or is late.
    pub(crate) fn take(&self, epoch: u64) -> Taken {
        let mut sum = Taken::default();
        for shard in &self.0 {
            // Acquire: who sees a success sees that its call passed.
            let succeeded = shard.succeeded.load(Ordering::Acquire);
            let new = succeeded - shard.taken.load(Ordering::Relaxed);
            if new > 0 {
                shard.taken.store(succeeded, Ordering::Relaxed);
                let timely = shard.epoch.load(Ordering::Relaxed) == epoch;
                *if timely { &mut sum.timely } else { &mut sum.late } += new;
            }
        }
        sum
    }

    /// How many successes were counted since they were last taken. Under the lock.
    pub(crate) fn untaken(&self) -> u64 {
        let untaken =
            |shard: &Shard| shard.succeeded.load(Ordering::Acquire) - shard.taken.load(Ordering::Relaxed);
        self.0.iter().map(untaken).sum()
    }

    /// How many calls were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.0.iter().map(|shard| shard.refused.load(Ordering::Relaxed)).sum()
    }

    /// How many calls have passed: all whose success was taken, and maybe more.
    pub(crate) fn passed(&self) -> u64 {
        self.0.iter().map(|shard| shard.passed.load(Ordering::Relaxed)).sum()
    }
}

/// By the only thread that adds.
fn add_one(counter: &AtomicU64) {
    let count = counter.load(Ordering::Relaxed);
    // Release: see `take`.
    counter.store(count + 1, Ordering::Release);
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// [S25] who sees a success sees that its call passed.
    #[test]
    fn a_success_comes_after_its_admission() {
        loom::model(|| {
            let shards = Arc::new(Shards::new(1));
            shards.enlist(0, 1);
            // The reader is the thread that is spawned: the other way round loom doesn't try all orders.
            let reader = {
                let shards = Arc::clone(&shards);
                thread::spawn(move || {
                    let succeeded = shards.take(1).timely;
                    assert!(shards.passed() >= succeeded);
                })
            };
            assert!(shards.pass(0) && shards.succeed(0, 1));
            reader.join().unwrap();
        });
    }
}
