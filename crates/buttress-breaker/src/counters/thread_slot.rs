//! A small number for each thread, its slot: of its own for a thread that calls often, otherwise shared.
//!
//! There are few own slots. A runtime may keep hundreds of threads for blocking work, each of which calls rarely. If these took
//! the slots first, the workers of the runtime would find none left. So a thread must earn its slot by calls, returns it when
//! it ends, and asks again later if none is free.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// The own slots that no living thread has.
struct FreeSlots {
    returned: BTreeSet<usize>,
    /// This slot and all above were never taken.
    unused: usize,
}

impl FreeSlots {
    fn take(&mut self) -> Option<usize> {
        self.returned.pop_first().or_else(|| {
            let is_left = self.unused < own_slots();
            self.unused += usize::from(is_left);
            is_left.then(|| self.unused - 1)
        })
    }
}

static FREE: Mutex<FreeSlots> = Mutex::new(FreeSlots { returned: BTreeSet::new(), unused: 0 });

/// The next shared slot. They spread threads over shards, so equal ones do no harm.
static NEXT_SHARED: AtomicUsize = AtomicUsize::new(FIRST_SHARED);

/// Slots from here on are shared. There are far fewer own slots.
const FIRST_SHARED: usize = 1 << 16;

/// A thread that has not asked for a slot. It counts as a shared one.
const NONE: usize = usize::MAX;

/// Returns the slot of its thread when the thread ends.
struct Owner;

impl Owner {
    /// Takes the smallest free slot, if there is one.
    fn take(&self) {
        if let Some(slot) = FREE.lock().unwrap_or_else(PoisonError::into_inner).take() {
            SLOT.set(slot);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let slot = SLOT.replace(NONE);
        if slot < FIRST_SHARED {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.insert(slot);
        }
    }
}

/// The number of claims after which a thread gets an own slot, or asks again if none is free.
const CLAIMS_TO_EARN: u32 = 64;

thread_local! {
    /// Separate from its owner: without a destructor it is read in one instruction.
    static SLOT: Cell<usize> = const { Cell::new(NONE) };
    static OWNER: Owner = const { Owner };
    /// Claims since the thread last asked for an own slot.
    static CLAIMS: Cell<u32> = const { Cell::new(0) };
}

/// Returns the slot of this thread. A shared one lies above all own slots.
#[inline]
pub(crate) fn current() -> usize {
    SLOT.get()
}

/// Returns the slot of this thread. A thread that has claimed often enough and is not ending gets an own slot before.
pub(crate) fn claim() -> usize {
    if current() >= FIRST_SHARED {
        if current() == NONE {
            SLOT.set(NEXT_SHARED.fetch_add(1, Ordering::Relaxed).max(FIRST_SHARED));
        }
        let claims = CLAIMS.get() + 1;
        CLAIMS.set(claims % CLAIMS_TO_EARN);
        if claims == CLAIMS_TO_EARN {
            let _ = OWNER.try_with(Owner::take);
        }
    }
    current()
}

/// Returns the number of own slots: one for each worker of a runtime, and a few more.
pub(crate) fn own_slots() -> usize {
    (2 * processors() + 2).min(64)
}

/// Returns the number of shards for threads without an own slot.
pub(crate) fn shared_shards() -> usize {
    processors().min(16)
}

fn processors() -> usize {
    static PROCESSORS: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(4, NonZero::get));
    *PROCESSORS
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread::Builder;

    use super::*;

    /// Claims until this thread has an own slot. (Threads of other tests may hold some for a while.)
    fn earn() -> usize {
        while claim() >= FIRST_SHARED {
            thread::yield_now();
        }
        current()
    }

    /// 600 threads of a blocking pool have made a few calls and stay alive, and as many called often and ended. They leave every
    /// own slot to the threads that call often now. These have different ones, and a thread that found none asks again.
    #[test]
    fn own_slots_are_for_threads_that_call_often() {
        for _ in 0..600 {
            let often = || (0..2 * CLAIMS_TO_EARN).map(|_| claim()).min();
            thread::spawn(often).join().unwrap();
        }
        let (idle, done) = (Barrier::new(601), Barrier::new(602));
        let (all, end) = (Barrier::new(own_slots() + 1), Barrier::new(own_slots() + 1));
        let seldom = || {
            let numbers = (1..CLAIMS_TO_EARN).map(|_| claim()).filter(|slot| *slot < FIRST_SHARED).count();
            idle.wait();
            done.wait();
            numbers
        };
        let worker = || {
            let number = earn();
            all.wait();
            end.wait();
            assert_eq!((current(), claim()), (number, number));
            number
        };
        let late = || {
            (0..3 * CLAIMS_TO_EARN).for_each(|_| assert!(claim() >= FIRST_SHARED, "all are taken"));
            end.wait();
            let number = earn();
            done.wait();
            number
        };
        thread::scope(|scope| {
            let pool: Vec<_> = (0..600)
                .map(|_| Builder::new().stack_size(65_536).spawn_scoped(scope, seldom).unwrap())
                .collect();
            idle.wait();

            let workers: Vec<_> = (0..own_slots()).map(|_| scope.spawn(worker)).collect();
            all.wait();
            let late = scope.spawn(late);
            let mut numbers: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..own_slots()).collect::<Vec<_>>());
            done.wait();
            assert!(late.join().unwrap() < own_slots());
            assert_eq!(pool.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 0);
        });
    }
}
