//! Code of the caller that uses the map, or panics.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use buttress_keyed::Keyed;

fn panics<T>(run: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
}

/// Uses the map when it is dropped.
struct Nosy {
    key: u32,
    map: std::sync::Weak<Keyed<u32, Arc<Self>>>,
    dropped: Arc<AtomicU32>,
}

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(map) = self.map.upgrade() {
            assert!(map.get(&self.key).is_none());
            assert!(map.stats().keys <= 4);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The drop of a state runs outside the locks: under one it would deadlock.
#[test]
fn a_state_may_use_the_map_when_it_is_dropped() {
    let map = Arc::new(Keyed::<u32, Arc<Nosy>>::builder().max_keys(4).build().unwrap());
    let dropped = Arc::new(AtomicU32::new(0));
    let make = |key| Arc::new(Nosy { key, map: Arc::downgrade(&map), dropped: Arc::clone(&dropped) });
    for key in 0..100 {
        map.get_or_insert_with(&key, || make(key));
    }
    assert_eq!(dropped.load(Ordering::Relaxed), 96);
    map.remove(&99);
    assert_eq!(dropped.load(Ordering::Relaxed), 97);
}

/// A key that uses the map when it is dropped, and panics when it is told to.
struct Key {
    name: u32,
    armed: Arc<AtomicBool>,
    map: std::sync::Weak<Keyed<Self, Arc<u32>>>,
}

impl Drop for Key {
    fn drop(&mut self) {
        if let Some(map) = self.map.upgrade() {
            assert!(map.len() <= 2);
            map.get(&self.name);
        }
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        Self { name: self.name, armed: Arc::clone(&self.armed), map: self.map.clone() }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        assert!(!self.armed.load(Ordering::Relaxed), "told to");
        self.name == other.name
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Borrow<u32> for Key {
    fn borrow(&self) -> &u32 {
        &self.name
    }
}

/// A comparison runs under the lock. If it panics, nothing is lost.
#[test]
fn a_key_may_panic_and_use_the_map() {
    let armed = Arc::new(AtomicBool::new(false));
    let map = Arc::new(Keyed::<Key, Arc<u32>>::builder().max_keys(2).build().unwrap());
    let key = |name| Key { name, armed: Arc::clone(&armed), map: Arc::downgrade(&map) };
    let first = map.get_or_insert_with(&key(0), Arc::default);
    armed.store(true, Ordering::Relaxed);
    panics(|| map.get_or_insert_with(&key(0), Arc::default));
    panics(|| map.get(&key(0)));
    panics(|| map.remove(&key(0)));
    armed.store(false, Ordering::Relaxed);
    assert!(Arc::ptr_eq(&first, &map.get(&0).unwrap()));
    for name in 1..100 {
        map.get_or_insert_with(&key(name), Arc::default);
    }
    assert_eq!((map.len(), map.stats().inserted), (2, 100));
    assert!(map.remove(&99).is_some());
}

/// If `make` panics, the map is unchanged.
#[test]
fn a_make_that_panics_changes_nothing() {
    let map = Keyed::<u32, Arc<u32>>::builder().max_keys(2).build().unwrap();
    map.get_or_insert_with(&1, Arc::default);
    map.get_or_insert_with(&2, Arc::default);
    let before = map.stats();
    panics(|| map.get_or_insert_with(&3, || panic!("no state today")));
    assert_eq!(map.stats(), before);
    assert_eq!(*map.get_or_insert_with(&3, || Arc::new(3)), 3);
}

/// A `make` that looks up its own key inserts it, and that is the state.
#[test]
fn a_make_may_use_the_map() {
    let map = Keyed::<u32, Arc<u32>>::new();
    let outer = map.get_or_insert_with(&1, || {
        let inner = map.get_or_insert_with(&1, || Arc::new(10));
        assert_eq!(*inner, 10);
        Arc::new(20)
    });
    assert_eq!((*outer, map.len()), (10, 1));
}

/// A panic of `keep` reaches the caller whose new state needed room. No state is lost, and none is leaked.
#[test]
fn a_keep_that_panics_loses_nothing() {
    let armed = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&armed);
    let keep = move |_: &Arc<u32>| {
        assert!(!told.load(Ordering::Relaxed), "told to");
        false
    };
    let map = Keyed::<u32, Arc<u32>>::builder().max_keys(2).keep(keep).build().unwrap();
    let states = [1, 2].map(|key| map.get_or_insert_with(&key, || Arc::new(key)));
    let refused = Arc::new(3);
    panics(|| map.get_or_insert_with(&3, || Arc::clone(&refused)));
    assert_eq!(Arc::strong_count(&refused), 1);
    assert!(states.iter().all(|state| Arc::ptr_eq(state, &map.get(&**state).unwrap())));
    assert_eq!(map.len(), 2);
    armed.store(false, Ordering::Relaxed);
    map.get_or_insert_with(&3, || refused);
    assert_eq!(map.len(), 2);
}

/// A state whose drop panics has left the map.
#[test]
fn a_drop_that_panics_loses_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("dropped");
            }
        }
    }
    let map = Keyed::<u32, Arc<Bomb>>::builder().max_keys(1).build().unwrap();
    std::mem::forget(map.get_or_insert_with(&1, || Arc::new(Bomb)));
    map.get_or_insert_with(&2, || Arc::new(Bomb));
    // The drop reaches the caller whose state it made room for.
    panics(|| map.get_or_insert_with(&3, || Arc::new(Bomb)));
    assert!(map.is_empty());
    map.get_or_insert_with(&3, || Arc::new(Bomb));
    assert!(map.get(&3).is_some());
    assert_eq!(map.stats().keys, map.len() as u64);
    let last = map.entries();
    drop(map);
    panics(|| drop(last));
}
