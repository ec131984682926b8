//! Idle states are evicted, and no others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use buttress_keyed::Keyed;
use tokio::time::advance;

type Map = Keyed<u32, Arc<AtomicBool>>;

const IDLE_AFTER: Duration = Duration::from_secs(600);

fn look_up(map: &Map, keys: impl IntoIterator<Item = u32>) {
    keys.into_iter().for_each(|key| drop(map.get_or_insert_with(&key, Arc::default)));
}

/// A state is never evicted before it is idle while there is room.
#[tokio::test(start_paused = true)]
async fn never_sooner() {
    let map = Map::new();
    look_up(&map, 0..1_000);
    for _ in 0..10 {
        // Each is looked up just in time, and many others pass by.
        advance(IDLE_AFTER - Duration::from_millis(1)).await;
        look_up(&map, 0..1_000);
        look_up(&map, 5_000..6_000);
        assert!((0..1_000).all(|key| map.get(&key).is_some()));
    }
    assert_eq!(map.stats().evicted_idle, 0);
}

/// Insertions evict idle states within twice the idle time.
#[tokio::test(start_paused = true)]
async fn new_keys_find_the_idle() {
    let map = Map::new();
    look_up(&map, 0..1_000);
    advance(IDLE_AFTER).await;
    look_up(&map, 5_000..6_000);
    advance(IDLE_AFTER).await;
    look_up(&map, 0..10);
    look_up(&map, 10_000..12_000);
    let stats = map.stats();
    // All of the first thousand are gone, and some of the second.
    assert!((10..1_000).all(|key| map.get(&key).is_none()), "{stats:?}");
    assert!(stats.evicted_idle >= 1_000, "{stats:?}");
    assert_eq!(stats.evicted_full, 0);
}

/// So do lookups of hot keys alone.
#[tokio::test(start_paused = true)]
async fn lookups_find_the_idle() {
    let map = Map::new();
    look_up(&map, 0..5_000);
    for _ in 0..4 {
        advance(IDLE_AFTER / 2).await;
        (0..500).for_each(|_| look_up(&map, 0..100));
    }
    assert_eq!(map.len(), 100);
    assert!((0..100).all(|key| map.get(&key).is_some()));
    assert_eq!(map.stats().inserted, 5_000);
}

/// A shard without calls for a long time does not treat a state as idle that was looked up a moment ago, although that
/// lookup read no clock.
#[tokio::test(start_paused = true)]
async fn quiet_shards_keep_recently_used_states() {
    let map = Map::builder().max_keys(10).build().unwrap();
    look_up(&map, [1, 2]);
    for _ in 0..20 {
        advance(IDLE_AFTER * 3).await;
        look_up(&map, [1]);
        let state = map.get(&1).unwrap();
        // An insertion reads the clock, and looks for the idle.
        look_up(&map, [3]);
        assert!(Arc::ptr_eq(&state, &map.get(&1).unwrap()));
        map.remove(&3);
    }
    assert!(map.get(&2).is_none());
    assert_eq!(map.stats().evicted_idle, 1);
}

/// A kept state is not evicted when it is idle.
#[tokio::test(start_paused = true)]
async fn kept_states_are_never_idle() {
    let map = Map::builder().keep(|state| state.load(Ordering::Relaxed)).build().unwrap();
    let state = map.get_or_insert_with(&7, || Arc::new(AtomicBool::new(true)));
    for round in 1..20 {
        advance(IDLE_AFTER).await;
        look_up(&map, round * 1_000..(round + 1) * 1_000);
    }
    assert!(map.entries().iter().any(|(_, other)| Arc::ptr_eq(other, &state)));
    // It doesn't matter any more, and goes like all others.
    state.store(false, Ordering::Relaxed);
    for round in 1..5 {
        advance(IDLE_AFTER).await;
        look_up(&map, round * 1_000..(round + 1) * 1_000);
    }
    assert!(map.get(&7).is_none());
}
