//! One state per key, looked up by a random `&str` and returned as an `Arc`.
//!
//! moka has the same bound and the same idle time. dashmap has neither, so the difference is the cost of these. Beyond a
//! hundred thousand keys, cache misses dominate.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use buttress_keyed::Keyed;
use dashmap::DashMap;
use moka::sync::Cache;

use crate::case::{BARE, Case, OURS, Subject};
use crate::peers;

pub(super) const CASES: [Case; 5] = [
    Case { name: "keyed/1000", subjects: || lookups(1_000) },
    Case { name: "keyed/100000", subjects: || lookups(100_000) },
    Case { name: "keyed/1000000", subjects: || lookups(1_000_000) },
    Case { name: "keyed/full", subjects: || new_keys(10_000) },
    Case { name: "keyed/two-threads", subjects: || two_threads(1_000) },
];

const IDLE_AFTER: Duration = Duration::from_secs(600);

type State = Arc<u64>;

/// All keys have a state.
fn lookups(keys: usize) -> Vec<Subject> {
    let names = names(keys);
    vec![
        Subject::new(BARE, random(&names, |key| key.len() as u64)),
        Subject::new(OURS, random(&names, filled(&names, ours(keys)))),
        Subject::new(peers::moka(), random(&names, filled(&names, moka(keys)))),
        Subject::new(peers::dashmap(), random(&names, filled(&names, dashmap()))),
    ]
}

/// Each key is new and the map is full, so each insertion evicts a state.
fn new_keys(keys: usize) -> Vec<Subject> {
    let names = names(keys);
    vec![
        Subject::new(BARE, fresh(|key| key.len() as u64)),
        Subject::new(OURS, fresh(filled(&names, ours(keys)))),
        Subject::new(peers::moka(), fresh(filled(&names, moka(keys)))),
    ]
}

/// Two threads look up in the same map. There is no bare row: it would share nothing.
fn two_threads(keys: usize) -> Vec<Subject> {
    let names = names(keys);
    let shared = |name: String, look_up: Arc<dyn Fn(&str) -> u64 + Send + Sync>| {
        Subject::pair(name, || {
            let look_up = Arc::clone(&look_up);
            random(&names, move |key| look_up(key))
        })
    };
    vec![
        shared(OURS.to_owned(), Arc::new(filled(&names, ours(keys)))),
        shared(peers::moka(), Arc::new(filled(&names, moka(keys)))),
        shared(peers::dashmap(), Arc::new(filled(&names, dashmap()))),
    ]
}

fn ours(keys: usize) -> impl Fn(&str) -> u64 {
    let map = Keyed::<String, State>::builder().max_keys(keys).idle_after(IDLE_AFTER).build();
    let map = map.expect("good settings");
    move |key| *map.get_or_insert_with(key, Arc::default)
}

fn moka(keys: usize) -> impl Fn(&str) -> u64 {
    let cache = Cache::<String, State>::builder().max_capacity(keys as u64).time_to_idle(IDLE_AFTER).build();
    move |key| *cache.get_with_by_ref(key, Arc::default)
}

/// Its `entry` takes an owned key, so it is called only for a new one.
fn dashmap() -> impl Fn(&str) -> u64 {
    let map = DashMap::<String, State>::new();
    move |key| {
        let found = map.get(key).map(|state| Arc::clone(&state));
        *found.unwrap_or_else(|| Arc::clone(&map.entry(key.to_owned()).or_default()))
    }
}

fn names(keys: usize) -> Arc<[String]> {
    (0..keys).map(|n| format!("host-{n}.example")).collect()
}

fn filled<F: Fn(&str) -> u64>(names: &[String], look_up: F) -> F {
    names.iter().for_each(|name| assert_eq!(look_up(name), 0));
    look_up
}

/// The same order for each row.
fn random<F: Fn(&str) -> u64>(names: &Arc<[String]>, look_up: F) -> impl FnMut(u64) + use<F> {
    let names = Arc::clone(names);
    let mut state = 1_u64;
    move |n| {
        for _ in 0..n {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The upper bits, scaled to the number of names.
            let place = ((state >> 32) * names.len() as u64) >> 32;
            black_box(look_up(black_box(&names[place as usize])));
        }
    }
}

/// A new key for each call.
fn fresh(look_up: impl Fn(&str) -> u64) -> impl FnMut(u64) {
    let mut next = 0_u64;
    move |n| {
        for _ in 0..n {
            next += 1;
            black_box(look_up(black_box(&format!("new-{next}.example"))));
        }
    }
}
