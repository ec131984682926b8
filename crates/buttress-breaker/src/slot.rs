//! A small number for each thread, which no other living thread has.

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

static FREE: Mutex<Free> = Mutex::new(Free { returned: BTreeSet::new(), unused: 0 });

/// Takes the smallest number that is free for its thread, and gives it back when the thread ends.
struct Owner;

impl Owner {
    fn new() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let number = free.returned.pop_first().unwrap_or_else(|| {
            free.unused += 1;
            free.unused - 1
        });
        NUMBER.set(number);
        Self
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let number = NUMBER.replace(NONE);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.insert(number);
    }
}

/// No thread has it.
const NONE: usize = usize::MAX;

thread_local! {
    /// Apart from its owner: without a destructor it is read in one instruction.
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
    static OWNER: Owner = Owner::new();
}

/// The number of this thread, if it has [claimed](claim) one, else [`usize::MAX`].
#[inline]
pub(crate) fn current() -> usize {
    NUMBER.get()
}

/// Sees to it that this thread has a number, unless it is ending.
pub(crate) fn claim() -> usize {
    let _ = OWNER.try_with(|_| ());
    current()
}

/// How many threads are expected to call often: workers of a runtime, and some beside them.
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

    use super::*;

    /// Threads that live at the same time have different numbers, and later ones get these again.
    #[test]
    fn one_owner_at_a_time() {
        let round = || {
            let all = Barrier::new(8);
            let mut numbers: Vec<_> = thread::scope(|scope| {
                let take = || {
                    assert_eq!(current(), NONE);
                    let number = claim();
                    all.wait();
                    assert_eq!((current(), claim()), (number, number));
                    number
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), 8);
            numbers[7]
        };
        // Threads of other tests may hold some.
        let most = (0..100).map(|_| round()).max().unwrap();
        assert!(most < 200, "{most} numbers for eight threads at a time");
    }
}
