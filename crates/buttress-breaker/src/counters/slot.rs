//! A small number for each thread that calls often, which no other living thread has.
//!
//! There are few numbers. A runtime may keep hundreds of threads for blocking work that call now and then; if these took the
//! numbers as they came, its workers would find none left. So a thread has to earn its number by calling, gives it back when
//! it ends, and asks again later where none is free.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// The numbers that no living thread has.
struct Free {
    returned: BTreeSet<usize>,
    /// This and all above were never taken.
    unused: usize,
}

impl Free {
    fn take(&mut self) -> Option<usize> {
        self.returned.pop_first().or_else(|| {
            let is_left = self.unused < expected();
            self.unused += usize::from(is_left);
            is_left.then(|| self.unused - 1)
        })
    }
}

static FREE: Mutex<Free> = Mutex::new(Free { returned: BTreeSet::new(), unused: 0 });

/// Gives the number of its thread back when the thread ends.
struct Owner;

impl Owner {
    /// Takes the smallest number that is free, if there is one.
    fn take(&self) {
        let number = FREE.lock().unwrap_or_else(PoisonError::into_inner).take();
        NUMBER.set(number.unwrap_or(NONE));
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let number = NUMBER.replace(NONE);
        if number != NONE {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.insert(number);
        }
    }
}

/// No thread has it.
const NONE: usize = usize::MAX;

/// How often a thread claims a number before it gets one, and before it asks again where none is free. Without a number
/// a call claims twice.
const EARNED: u32 = 64;

thread_local! {
    /// Apart from its owner: without a destructor it is read in one instruction.
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
    static OWNER: Owner = const { Owner };
    /// Claims since the last one that asked for a number.
    static CLAIMS: Cell<u32> = const { Cell::new(0) };
}

/// Returns the number of this thread, or [`usize::MAX`] if it has none.
#[inline]
pub(crate) fn current() -> usize {
    NUMBER.get()
}

/// Returns the number of this thread; takes one before, if the thread has none, has earned one and is not ending.
pub(crate) fn claim() -> usize {
    if current() == NONE {
        let claims = CLAIMS.get() + 1;
        CLAIMS.set(claims % EARNED);
        if claims == EARNED {
            let _ = OWNER.try_with(Owner::take);
        }
    }
    current()
}

/// Returns how many threads are expected to call often: the workers of a runtime, and some beside them.
pub(crate) fn expected() -> usize {
    static EXPECTED: LazyLock<usize> = LazyLock::new(|| {
        let processors = thread::available_parallelism().map_or(4, NonZero::get);
        (2 * processors + 2).min(64)
    });
    *EXPECTED
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread::Builder;

    use super::*;

    /// Claims until this thread has a number. (Threads of other tests may hold some for a while.)
    fn earn() -> usize {
        while claim() == NONE {
            thread::yield_now();
        }
        current()
    }

    /// Line 27: 600 threads of a blocking pool that have made some calls and stay alive, and as many that called often and
    /// ended, leave every number to the threads that call often now. These have different ones, and one that found none
    /// asks again.
    #[test]
    fn numbers_are_for_threads_that_call_often() {
        for _ in 0..600 {
            let often = || (0..2 * EARNED).map(|_| claim()).max();
            thread::spawn(often).join().unwrap();
        }
        let (idle, done) = (Barrier::new(601), Barrier::new(602));
        let (all, end) = (Barrier::new(expected() + 1), Barrier::new(expected() + 1));
        let seldom = || {
            let numbers = (1..EARNED).map(|_| claim()).filter(|number| *number != NONE).count();
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
            (0..3 * EARNED).for_each(|_| assert_eq!(claim(), NONE, "all are taken"));
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

            let workers: Vec<_> = (0..expected()).map(|_| scope.spawn(worker)).collect();
            all.wait();
            let late = scope.spawn(late);
            let mut numbers: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..expected()).collect::<Vec<_>>());
            done.wait();
            assert!(late.join().unwrap() < expected());
            assert_eq!(pool.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 0);
        });
    }
}
