//! A million keys: memory stays bounded, and a call costs as much as with a thousand.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buttress_keyed::Keyed;
use buttress_test::allocations;

const MILLION: u64 = 1_000_000;

/// Counts its live instances.
struct State {
    alive: Arc<AtomicUsize>,
}

impl State {
    fn new(alive: &Arc<AtomicUsize>) -> Arc<Self> {
        alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { alive: Arc::clone(alive) })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// There are never more than `max_keys` states.
#[test]
fn a_million_keys_leave_ten_thousand_states() {
    let alive = Arc::new(AtomicUsize::new(0));
    let map = Keyed::<u64, Arc<State>>::new();
    for key in 0..MILLION {
        map.get_or_insert_with(&key, || State::new(&alive));
        // One more while it has been made and the other has not been evicted yet.
        assert!(alive.load(Ordering::Relaxed) <= 10_000);
    }
    assert_eq!((map.len(), alive.load(Ordering::Relaxed)), (10_000, 10_000));
    drop(map);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// A million keys leave the map with the memory of the ten thousand that it may hold.
#[test]
fn a_million_keys_need_no_more_memory_than_the_bound() {
    let bytes = |keys| {
        let info = allocation_counter::measure(|| {
            let map = Keyed::<u64, Arc<u64>>::new();
            for key in 0..keys {
                map.get_or_insert_with(&key, || Arc::new(key));
            }
        });
        assert_eq!(info.bytes_current, 0);
        info.bytes_max
    };
    let full = bytes(20_000);
    let after = bytes(MILLION);
    // A key, a hash, a stamp and a pointer are 32 bytes, the state behind it is 24: room to grow, and the index.
    assert!(full < 10_000 * 200, "{full}");
    assert!(after < full + full / 4, "{full} {after}");
}

thread_local! {
    static WORK: Cell<u32> = const { Cell::new(0) };
}

fn worked() {
    WORK.set(WORK.get() + 1);
}

/// Counts the operations on it.
struct Counted(u64);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        worked();
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        worked();
        self.0.hash(state);
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        worked();
        Self(self.0)
    }
}

/// The work of each call, counted in hashes, comparisons and copies. A cost that depends on the number of keys, such as a
/// rehash or a scan, would show.
#[test]
fn no_call_works_more_with_a_million_keys() {
    for keys in [1_000, 1_000_000] {
        let map = Keyed::<Counted, Arc<()>>::builder().max_keys(1_000_000).build().unwrap();
        let (mut most, mut total) = (0, 0);
        let mut call = |key| {
            WORK.set(0);
            map.get_or_insert_with(&Counted(key), Arc::default);
            most = most.max(WORK.get());
            total += u64::from(WORK.get());
        };
        (0..keys).for_each(&mut call);
        (0..keys).for_each(&mut call);
        // To insert: a hash, a copy, and two searches that compare by chance. To find: a hash and a comparison, and more
        // by chance. (Keys are compared when seven bits of their hashes agree.)
        assert!(most <= 30, "{most}");
        assert!(total < 2 * keys * 3, "{total}");
        assert_eq!(map.len() as u64, keys);
    }
}

/// A lookup allocates nothing, also by `&str`.
#[test]
fn a_lookup_allocates_nothing() {
    let map = Keyed::<String, Arc<u64>>::new();
    map.get_or_insert_with("api.example", Arc::default);
    let count = allocations(|| {
        for _ in 0..1_000 {
            map.get_or_insert_with("api.example", Arc::default);
            map.get("api.example");
            map.get("other.example");
        }
    });
    assert_eq!(count, 0);
}

/// Keys may be long, differ only in their last byte, or be empty.
#[test]
fn hostile_keys_are_told_apart() {
    let map = Keyed::<Vec<u8>, Arc<usize>>::builder().max_keys(600).build().unwrap();
    let keys = (0..300)
        .flat_map(|n: usize| {
            let mut long = vec![0_u8; 10_000];
            long.extend(n.to_be_bytes());
            [vec![0_u8; n], long]
        })
        .collect::<Vec<_>>();
    for (n, key) in keys.iter().enumerate() {
        map.get_or_insert_with(key.as_slice(), || Arc::new(n));
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(map.get(key.as_slice()).as_deref(), Some(&n));
    }
    assert_eq!(map.len(), 600);
}

/// Each map has its own secret: keys of one shard are spread differently in another map.
#[test]
fn each_map_hashes_in_its_own_way() {
    let order = || {
        let map = Keyed::<u64, Arc<()>>::new();
        (0..1_000).for_each(|key| drop(map.get_or_insert_with(&key, Arc::default)));
        map.entries().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_ne!(order(), order());
}
