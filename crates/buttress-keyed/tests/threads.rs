//! Real threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use buttress_keyed::Keyed;

/// Threads that look up the same new key get the same state, while each of them makes one.
#[test]
fn the_same_new_key_has_one_state() {
    const THREADS: usize = 4;
    let map = Keyed::<u32, Arc<()>>::new();
    let made = AtomicUsize::new(0);
    for key in 0..500 {
        let barrier = Barrier::new(THREADS);
        let states = thread::scope(|scope| {
            let ask = || {
                map.get_or_insert_with(&key, || {
                    made.fetch_add(1, Ordering::Relaxed);
                    // All of them are in here before the first gets out.
                    barrier.wait();
                    Arc::new(())
                })
            };
            let threads = [(); THREADS].map(|()| scope.spawn(ask));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(states.iter().all(|state| Arc::ptr_eq(state, &states[0])));
    }
    assert_eq!(made.into_inner(), 500 * THREADS);
    assert_eq!((map.len(), map.stats().inserted), (500, 500));
}

/// "There are never more than `max_keys` states, not even for a moment", and at rest all counts add up.
#[test]
fn the_bound_holds_among_threads() {
    const CALLS: u32 = 100_000;
    for max_keys in [1, 3, 600] {
        let map = Keyed::<u32, Arc<u32>>::builder()
            .max_keys(max_keys)
            .keep(|state| **state % 7 == 0)
            .build()
            .unwrap();
        let done = AtomicBool::new(false);
        let lost = thread::scope(|scope| {
            let threads = [1_u32, 2, 3].map(|seed| {
                let map = &map;
                scope.spawn(move || {
                    let mut key = seed;
                    let mut lost = 0;
                    for call in 0..CALLS {
                        key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let key = (key >> 16) % 2_000;
                        let state = map.get_or_insert_with(&key, || Arc::new(key));
                        assert_eq!(*state, key);
                        if call % 16 == 0 {
                            lost += u64::from(map.remove(&key).is_some());
                        }
                    }
                    lost
                })
            });
            let watch = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(map.len() <= max_keys);
                    drop((map.stats(), map.entries()));
                    thread::yield_now();
                }
            });
            let lost = threads.map(|thread| thread.join().unwrap()).iter().sum::<u64>();
            done.store(true, Ordering::Relaxed);
            watch.join().unwrap();
            lost
        });
        let stats = map.stats();
        assert_eq!(stats.removed, lost);
        assert_eq!(stats.keys, map.len() as u64);
        let evicted = stats.evicted_idle + stats.evicted_full + stats.evicted_kept;
        assert_eq!(stats.inserted, stats.keys + stats.removed + evicted);
        assert_eq!(map.entries().len(), map.len());
    }
}
