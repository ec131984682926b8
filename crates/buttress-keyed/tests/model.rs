//! The map against a naive model: a list of keys with the times of their last lookups, oldest first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use buttress_keyed::Keyed;
use proptest::prelude::*;
use tokio::time::{Instant, advance};

const IDLE_AFTER: Duration = Duration::from_secs(60);
/// As many as are compared at once: so the least recently used is the least recently used.
const MAX_KEYS: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Step {
    Get(u8),
    Insert(u8),
    Remove(u8),
    Advance(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..24_u8).prop_map(Step::Get),
        8 => (0..24_u8).prop_map(Step::Insert),
        1 => (0..24_u8).prop_map(Step::Remove),
        1 => (0..90_u64).prop_map(|secs| Step::Advance(Duration::from_secs(secs))),
    ]
}

#[derive(Debug)]
struct Known {
    key: u8,
    state: Arc<u8>,
    seen: Instant,
}

/// The keys in the map, the least recently used first.
#[derive(Debug, Default)]
struct Model(Vec<Known>);

impl Model {
    fn take(&mut self, key: u8) -> Option<Known> {
        let place = self.0.iter().position(|known| known.key == key)?;
        Some(self.0.remove(place))
    }

    fn put(&mut self, key: u8, state: Arc<u8>) {
        self.0.push(Known { key, state, seen: Instant::now() });
    }

    /// Removes the keys that the map has evicted. Only idle states may be evicted.
    fn settle(&mut self, map: &Keyed<u8, Arc<u8>>) {
        let there = map.entries().into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>();
        self.0.retain(|known| {
            let stays = there.contains(&known.key);
            assert!(stays || known.seen.elapsed() >= IDLE_AFTER, "{} went too soon", known.key);
            stays
        });
        assert_eq!(there.len(), self.0.len());
        assert_eq!(map.len(), self.0.len());
    }

    fn run(&mut self, map: &Keyed<u8, Arc<u8>>, step: Step) {
        match step {
            Step::Get(key) => match (map.get(&key), self.take(key)) {
                (Some(state), Some(known)) => {
                    assert!(Arc::ptr_eq(&state, &known.state));
                    self.put(key, state);
                }
                (state, known) => assert!(state.is_none() && known.is_none()),
            },
            Step::Insert(key) => {
                let before = map.stats();
                let state = map.get_or_insert_with(&key, || Arc::new(key));
                let after = map.stats();
                if let Some(known) = self.take(key) {
                    assert!(Arc::ptr_eq(&state, &known.state));
                    assert_eq!(after.inserted, before.inserted);
                } else if self.0.len() == MAX_KEYS {
                    // The least recently used makes room, be it idle or not.
                    let oldest = self.0.remove(0);
                    let idle = after.evicted_idle - before.evicted_idle;
                    let full = after.evicted_full - before.evicted_full;
                    assert_eq!(idle + full, 1);
                    assert!(full == 1 || oldest.seen.elapsed() >= IDLE_AFTER);
                }
                self.put(key, state);
            }
            Step::Remove(key) => {
                assert_eq!(map.remove(&key).is_some(), self.take(key).is_some());
            }
            Step::Advance(_) => {}
        }
        self.settle(map);
    }
}

proptest! {
    #[test]
    fn the_map_and_the_model_agree(steps in prop::collection::vec(step(), 1..400)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let map = Keyed::builder().max_keys(MAX_KEYS).idle_after(IDLE_AFTER).build().unwrap();
            let mut model = Model::default();
            for step in steps {
                if let Step::Advance(duration) = step {
                    advance(duration).await;
                }
                model.run(&map, step);
            }
            let stats = map.stats();
            let left = stats.removed + stats.evicted_idle + stats.evicted_full + stats.evicted_kept;
            assert_eq!(stats.inserted, stats.keys + left);
        });
    }
}
