//! The bound, the order of eviction, and `keep`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use buttress_keyed::Keyed;

type Map = Keyed<u32, Arc<u32>>;

fn map(max_keys: usize) -> Map {
    Map::builder().max_keys(max_keys).build().expect("a good setting")
}

fn insert(map: &Map, keys: impl IntoIterator<Item = u32>) {
    for key in keys {
        assert_eq!(*map.get_or_insert_with(&key, || Arc::new(key)), key);
    }
}

fn keys(map: &Map) -> Vec<u32> {
    let mut keys = map.entries().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    keys.sort_unstable();
    keys
}

/// There are never more than `max_keys` states, and below it nothing is evicted, whatever the number of shards.
#[test]
fn the_bound_is_exact() {
    for max_keys in [1, 2, 127, 128, 500, 512, 1_000, 10_000] {
        let map = map(max_keys);
        let bound = u32::try_from(max_keys).unwrap();
        insert(&map, 0..bound);
        assert_eq!(map.len(), max_keys);
        assert_eq!(keys(&map), (0..bound).collect::<Vec<_>>());
        for key in bound..2 * bound {
            insert(&map, [key]);
            assert_eq!(map.len(), max_keys);
            assert_eq!(map.get(&key).as_deref(), Some(&key));
        }
        let stats = map.stats();
        assert_eq!((stats.keys, stats.inserted), (u64::from(bound), 2 * u64::from(bound)));
        assert_eq!((stats.evicted_full, stats.evicted_idle), (u64::from(bound), 0));
    }
}

#[test]
fn the_least_recently_used_goes_first() {
    let map = map(3);
    insert(&map, [1, 2, 3]);
    insert(&map, [1]);
    map.get(&2);
    // Looking at all of them is no lookup.
    assert_eq!(map.entries().len(), 3);
    insert(&map, [4]);
    assert_eq!(keys(&map), [1, 2, 4]);
    insert(&map, [5]);
    assert_eq!(keys(&map), [2, 4, 5]);
}

/// A hundred tenants that call all the time survive an attacker who invents a hundred thousand keys.
#[test]
fn a_flood_of_new_keys_evicts_itself() {
    const HOT: u32 = 100;
    let map = map(1_000);
    insert(&map, 0..HOT);
    let before = map.entries();
    for round in 0..1_000 {
        let first = 1_000 + round * 100;
        insert(&map, first..first + 100);
        insert(&map, 0..HOT);
    }
    for (key, state) in before {
        assert!(Arc::ptr_eq(&state, &map.get(&key).unwrap()), "{key}");
    }
    assert_eq!(map.stats().inserted, 100_100);
}

/// A kept state is evicted to make room only if all 16 candidates of a call are kept. These were inserted together first.
#[test]
fn kept_states_outlive_others() {
    let map = Map::builder().max_keys(1_000).keep(|state| **state < 50).build().unwrap();
    insert(&map, 0..100_000);
    assert_eq!(keys(&map)[..50], (0..50).collect::<Vec<_>>());
    let stats = map.stats();
    assert_eq!((stats.evicted_kept, stats.evicted_full), (0, 99_000));
}

/// If all candidates of a call are kept, the bound takes precedence, and the call ends.
#[test]
fn the_bound_wins_over_keep() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let keep = move |_: &Arc<u32>| {
        count.fetch_add(1, Ordering::Relaxed);
        true
    };
    let map = Map::builder().max_keys(100).keep(keep).build().unwrap();
    insert(&map, 0..100);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    for key in 100..1_100 {
        asked.store(0, Ordering::Relaxed);
        insert(&map, [key]);
        assert!(asked.load(Ordering::Relaxed) <= 16, "{asked:?}");
        assert_eq!(map.len(), 100);
    }
    let stats = map.stats();
    assert_eq!((stats.evicted_kept, stats.evicted_full), (1_000, 0));
}

/// `keep` was run on every evicted state: on that state itself, not on one with a similar hash.
#[test]
fn keep_runs_on_every_evicted_state() {
    let asked = Arc::new(Mutex::new(HashSet::new()));
    let list = Arc::clone(&asked);
    let keep = move |state: &Arc<u32>| {
        list.lock().unwrap().insert(**state);
        false
    };
    let map = Map::builder().max_keys(1_000).keep(keep).build().unwrap();
    insert(&map, 0..50_000);
    let (there, asked) = (keys(&map), asked.lock().unwrap());
    assert!((0..50_000).all(|key| asked.contains(&key) || there.binary_search(&key).is_ok()));
}

/// `keep` runs outside the locks, so it may use the map: a state that is looked up while `keep` runs is not evicted.
#[test]
fn keep_may_use_the_map() {
    static MAP: OnceLock<Map> = OnceLock::new();
    let keep = |state: &Arc<u32>| {
        // Key 0 is looked up at the very moment when it is to be evicted.
        if **state == 0 {
            MAP.get().unwrap().get(&0);
        }
        MAP.get().unwrap().remove(&99);
        assert!(!MAP.get().unwrap().is_empty());
        false
    };
    let map = MAP.get_or_init(|| Map::builder().max_keys(3).keep(keep).build().unwrap());
    insert(map, 0..100);
    assert_eq!(keys(map), [0, 98, 99]);
}

/// The argument of `keep` is a clone: an `Arc` that nobody else holds has a count of two.
#[test]
fn keep_sees_whether_a_state_is_in_use() {
    let keep = |state: &Arc<u32>| Arc::strong_count(state) > 2;
    let map = Map::builder().max_keys(10).keep(keep).build().unwrap();
    let in_use = (0..5).map(|key| map.get_or_insert_with(&key, || Arc::new(key))).collect::<Vec<_>>();
    insert(&map, 5..1_000);
    assert_eq!(keys(&map)[..5], [0, 1, 2, 3, 4]);
    drop(in_use);
    insert(&map, 1_000..1_010);
    assert_eq!(keys(&map), (1_000..1_010).collect::<Vec<_>>());
}

#[test]
fn removed_states_leave_room() {
    let map = map(3);
    insert(&map, [1, 2, 3]);
    assert_eq!(map.remove(&2).as_deref(), Some(&2));
    assert_eq!(map.remove(&2), None);
    assert_eq!(map.get(&2), None);
    insert(&map, [4]);
    assert_eq!(keys(&map), [1, 3, 4]);
    let stats = map.stats();
    assert_eq!((stats.removed, stats.evicted_full), (1, 0));
    assert_eq!([1, 3, 4].map(|key| map.remove(&key).is_some()), [true; 3]);
    assert!(map.is_empty());
}

#[test]
fn bad_settings_are_refused() {
    let error = Map::builder().max_keys(0).build().unwrap_err();
    assert_eq!(error.to_string(), "invalid max_keys: must be in 1..=4_294_967_295, got 0");
    assert!(Map::builder().max_keys(usize::MAX).build().is_err());
    for idle_after in [Duration::ZERO, Duration::from_micros(999)] {
        let error = Map::builder().idle_after(idle_after).build().unwrap_err();
        assert_eq!((error.setting(), error.range()), ("idle_after", "at least 1 ms"));
    }
    let extreme = Map::builder().max_keys(u32::MAX as usize).idle_after(Duration::MAX).build().unwrap();
    insert(&extreme, 0..1_000);
    assert_eq!(extreme.len(), 1_000);
}
