//! `Keyed`: the shards behind their locks, and what is done outside of these.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::builder::Keep;
use crate::shard::{Candidate, SAMPLE, Shard};
use crate::stats::Exit;
use crate::{KeyedBuilder, KeyedStats};

/// Enough that a sample is taken from several times as many.
const KEYS_PER_SHARD: usize = 64;
const MAX_SHARDS: usize = 1024;

/// Candidates that one call deals with at most: a whole sample.
const ROUNDS: usize = SAMPLE;

/// One state for each key: bounded, evicting, shared by reference among threads.
///
/// `V` is a handle that is cheap to clone, such as an `Arc`. A key has one state at a time: whoever looks it up gets a
/// clone of the same handle, until the state is evicted or removed. A handle stays valid after that, but the next lookup
/// makes a new state.
///
/// Nothing of the caller's runs under a lock, neither a closure nor the drop of a state or a key, except `Eq` and
/// `Clone` of the key and `Clone` of the handle: these must not use the map.
pub struct Keyed<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    /// With a random secret: keys may be chosen by an enemy.
    hasher: RandomState,
    /// Changed under the lock of the shard that gains or loses the entry. It orders nothing else.
    len: AtomicUsize,
    /// Sweeps so far: each takes the next shard, so one that nobody uses is swept too. It orders nothing either.
    sweeps: AtomicUsize,
    max_keys: usize,
    idle_after: Duration,
    keep: Option<Keep<V>>,
}

impl<K, V: Clone> Keyed<K, V> {
    /// At most 10 000 keys; a state is idle after 10 minutes; none is kept.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Self::builder())
    }

    /// Other settings.
    pub const fn builder() -> KeyedBuilder<K, V> {
        KeyedBuilder::new()
    }

    pub(crate) fn with(settings: KeyedBuilder<K, V>) -> Self {
        let KeyedBuilder { max_keys, idle_after, keep, .. } = settings;
        let shards = (max_keys / KEYS_PER_SHARD).clamp(1, MAX_SHARDS);
        // A power of two, rounded down: its shards are found by a mask.
        let shards = 1 << shards.ilog2();
        let now = Instant::now();
        Self {
            shards: (0..shards).map(|_| Mutex::new(Shard::new(now))).collect(),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
            sweeps: AtomicUsize::new(0),
            max_keys,
            idle_after,
            keep,
        }
    }

    /// How many keys have a state now. Never more than `max_keys`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// True if no key has a state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was counted, shard after shard: exact when nobody else uses the map.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        (0..self.shards.len()).fold(KeyedStats::default(), |sum, shard| sum.plus(self.lock(shard).stats()))
    }

    /// All keys and their states, copied shard after shard, in no order. It doesn't count as a lookup.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, V)>
    where
        K: Clone,
    {
        let mut entries = Vec::with_capacity(self.len());
        (0..self.shards.len()).for_each(|shard| entries.extend(self.lock(shard).entries()));
        entries
    }

    /// `keep` is asked outside of the lock.
    fn matters(&self, shard: usize, candidate: Candidate) -> bool {
        let Some(keep) = &self.keep else { return false };
        let value = self.lock(shard).peek(candidate);
        value.is_some_and(|value| keep(&value))
    }

    fn candidate(&self, shard: usize) -> Option<Candidate> {
        let mut shard = self.lock(shard);
        // Read under the lock: no operation that has its number may be later.
        shard.candidate(Instant::now(), self.idle_after)
    }

    /// False if the candidate was looked up meanwhile, or has left.
    fn evict(&self, shard: usize, candidate: Candidate, exit: Exit) -> bool {
        let evicted = {
            let mut shard = self.lock(shard);
            let evicted = shard.evict(candidate, exit);
            if evicted.is_some() {
                self.len.fetch_sub(1, Ordering::Relaxed);
            }
            evicted
        };
        // Key and state are dropped here, outside of the lock.
        evicted.is_some()
    }

    /// Evicts some idle states of one shard, if there are any.
    fn sweep(&self) {
        let shard = self.sweeps.fetch_add(1, Ordering::Relaxed) & (self.shards.len() - 1);
        for _ in 0..ROUNDS {
            let Some(candidate) = self.candidate(shard).filter(|candidate| candidate.idle) else { return };
            if self.matters(shard, candidate) {
                self.lock(shard).spare(candidate);
            } else {
                self.evict(shard, candidate, Exit::Idle);
            }
        }
    }

    /// Evicts one state, of this shard if it has any.
    fn make_room(&self, home: usize) {
        let shards = self.shards.len();
        for shard in (home..shards).chain(0..home) {
            for round in 1..=ROUNDS {
                let Some(candidate) = self.candidate(shard) else { break };
                let exit = match (self.matters(shard, candidate), candidate.idle) {
                    (true, _) if round < ROUNDS => {
                        self.lock(shard).spare(candidate);
                        continue;
                    }
                    // The bound holds, whatever matters.
                    (true, _) => Exit::Kept,
                    (false, true) => Exit::Idle,
                    (false, false) => Exit::Full,
                };
                if self.evict(shard, candidate, exit) {
                    return;
                }
            }
        }
    }

    fn take_room(&self) -> bool {
        let more = |len: usize| (len < self.max_keys).then_some(len + 1);
        self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// What can panic under the lock, `Eq` and `Clone`, changes nothing: a poisoned shard is as good as any.
    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard<K, V>> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From bits that the table itself uses last.
    fn shard(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.shards.len() - 1)
    }
}

impl<K: Hash + Eq, V: Clone> Keyed<K, V> {
    /// The state of `key`, if it has one. It counts as used by that.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.look_up(self.hasher.hash_one(key), key)
    }

    /// The state of `key`: the one it has, or what `make` returns.
    ///
    /// Only a new key is copied; `&str` will do for a `String`. `make` runs outside of the locks. Two threads that ask for
    /// the same new key at the same time may both run it, but both get the same state: the other one is dropped. If
    /// `make` panics, nothing has changed.
    pub fn get_or_insert_with<Q>(&self, key: &Q, make: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.look_up(hash, key).unwrap_or_else(|| self.insert(hash, key.to_owned(), make()))
    }

    /// Takes the state of `key` out.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let removed = {
            let mut shard = self.lock(self.shard(hash));
            let removed = shard.remove(hash, |other| other.borrow() == key);
            if removed.is_some() {
                self.len.fetch_sub(1, Ordering::Relaxed);
            }
            removed
        };
        removed.map(crate::shard::Entry::into_value)
    }

    fn look_up<Q>(&self, hash: u64, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let home = self.shard(hash);
        let (value, sweep_is_due) = {
            let mut shard = self.lock(home);
            (shard.look_up(hash, |other| other.borrow() == key)?, shard.sweep_is_due())
        };
        if sweep_is_due {
            self.sweep();
        }
        Some(value)
    }

    #[cold]
    fn insert(&self, hash: u64, key: K, value: V) -> V {
        let home = self.shard(hash);
        let handle = value.clone();
        let mut was_full = false;
        loop {
            {
                let mut shard = self.lock(home);
                // Another thread may have been faster, and a `make` may have used the map itself.
                if let Some(first) = shard.look_up(hash, |other| *other == key) {
                    return first;
                }
                if self.take_room() {
                    shard.insert(hash, key, value);
                    break;
                }
            }
            was_full = true;
            self.make_room(home);
        }
        // A full map has evicted what is idle first. And who makes room must not share its samples out in turn with who
        // sweeps: half of them would never lose an entry.
        if !was_full {
            self.sweep();
        }
        handle
    }
}

impl<K, V: Clone> Default for Keyed<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells no keys: they may be secret, and many.
impl<K, V> fmt::Debug for Keyed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("len", &self.len)
            .field("max_keys", &self.max_keys)
            .field("idle_after", &self.idle_after)
            .field("keep", &self.keep.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// However the keys are spread, the bound is the same: a shard that has nothing to give takes from another.
    #[test]
    fn an_empty_shard_finds_room_elsewhere() {
        let map = Keyed::<u32, Arc<u32>>::builder().max_keys(128).build().unwrap();
        let of = |shard| {
            (0..).filter({
                let map = &map;
                move |key| shard == map.shard(map.hasher.hash_one(key))
            })
        };
        let insert = |key| map.get_or_insert_with(&key, Arc::default);
        of(0).take(128).for_each(|key| drop(insert(key)));
        of(1).take(10).for_each(|key| drop(insert(key)));
        assert_eq!((map.len(), map.stats().inserted), (128, 138));
        let left = map.entries().into_iter().map(|(key, _)| map.shard(map.hasher.hash_one(key)));
        assert_eq!(left.filter(|shard| *shard == 1).count(), 1);
    }
}
