//! `Keyed`: the shards with their locks, and the work that is done outside the locks.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::builder::{Keep, KeyedBuilder};
use crate::shard::{Candidate, SAMPLE, Shard};
use crate::stats::{Departure, KeyedStats};

/// Several times as many keys as a sample holds.
const KEYS_PER_SHARD: usize = 64;
const MAX_SHARDS: usize = 1024;

/// The maximum number of candidates for eviction that one call examines: a whole sample.
const ROUNDS: usize = SAMPLE;

/// A map with one state for each key: bounded, evicting, shared among threads by reference.
///
/// `V` is a handle that is cheap to clone, such as an `Arc`. A key has one state at a time: every lookup returns a clone of
/// the same handle until the state is evicted or removed. A handle stays valid after that, but the next lookup creates a
/// new state.
///
/// The only code of the caller that runs under a lock is `Eq` and `Clone` of the key and `Clone` of the handle. These must
/// not use the map. Closures, and the drops of states and keys, run outside the locks.
pub struct Keyed<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    /// With a random secret, since an attacker may choose the keys.
    hasher: RandomState,
    /// Changed under the lock of the shard that gains or loses the entry. Relaxed: no other memory depends on it.
    len: AtomicUsize,
    /// The number of sweeps: each takes the next shard, so unused shards are swept too. Relaxed as well.
    sweeps: AtomicUsize,
    max_keys: usize,
    idle_after: Duration,
    keep: Option<Keep<V>>,
}

impl<K, V: Clone> Keyed<K, V> {
    /// Creates a map with the default settings: at most 10 000 keys, idle after 10 minutes, no state is kept.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Self::builder())
    }

    /// Returns a builder for other settings.
    pub const fn builder() -> KeyedBuilder<K, V> {
        KeyedBuilder::new()
    }

    pub(crate) fn with(settings: KeyedBuilder<K, V>) -> Self {
        let KeyedBuilder { max_keys, idle_after, keep, .. } = settings;
        let shards = (max_keys / KEYS_PER_SHARD).clamp(1, MAX_SHARDS);
        // A power of two, rounded down, so that a mask finds a shard.
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

    /// Returns the number of keys that have a state, which is never more than `max_keys`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Returns `true` if no key has a state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the counts. They are read shard by shard, so they are exact only while no other thread uses the map.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        (0..self.shards.len()).fold(KeyedStats::default(), |sum, shard| sum.plus(self.lock(shard).stats()))
    }

    /// Returns all keys and their states, copied shard by shard, in no order. This does not count as a lookup.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, V)>
    where
        K: Clone,
    {
        let mut entries = Vec::with_capacity(self.len());
        (0..self.shards.len()).for_each(|shard| entries.extend(self.lock(shard).entries()));
        entries
    }

    /// Runs `keep` outside the lock.
    fn is_kept(&self, shard: usize, candidate: Candidate) -> bool {
        let Some(keep) = &self.keep else { return false };
        let value = self.lock(shard).peek(candidate);
        value.is_some_and(|value| keep(&value))
    }

    fn candidate(&self, shard: usize) -> Option<Candidate> {
        let mut shard = self.lock(shard);
        // The clock is read under the lock: no operation with an earlier number may have a later time.
        shard.candidate(Instant::now(), self.idle_after)
    }

    /// Returns `false` if the candidate was looked up meanwhile, or has left the map.
    fn evict(&self, shard: usize, candidate: Candidate, departure: Departure) -> bool {
        let evicted = {
            let mut shard = self.lock(shard);
            let evicted = shard.evict(candidate, departure);
            if evicted.is_some() {
                self.len.fetch_sub(1, Ordering::Relaxed);
            }
            evicted
        };
        // Key and state are dropped here, outside the lock.
        evicted.is_some()
    }

    /// Evicts some idle states of the next shard, if there are any.
    fn sweep(&self) {
        let shard = self.sweeps.fetch_add(1, Ordering::Relaxed) & (self.shards.len() - 1);
        for _ in 0..ROUNDS {
            let Some(candidate) = self.candidate(shard).filter(|candidate| candidate.idle) else { return };
            if self.is_kept(shard, candidate) {
                self.lock(shard).renew(candidate);
            } else {
                self.evict(shard, candidate, Departure::Idle);
            }
        }
    }

    /// Evicts one state, of the shard `home` if it has any.
    fn make_room(&self, home: usize) {
        let shards = self.shards.len();
        for shard in (home..shards).chain(0..home) {
            for round in 1..=ROUNDS {
                let Some(candidate) = self.candidate(shard) else { break };
                let departure = match (self.is_kept(shard, candidate), candidate.idle) {
                    (true, _) if round < ROUNDS => {
                        self.lock(shard).renew(candidate);
                        continue;
                    }
                    // The bound takes precedence over `keep`.
                    (true, _) => Departure::Kept,
                    (false, true) => Departure::Idle,
                    (false, false) => Departure::Full,
                };
                if self.evict(shard, candidate, departure) {
                    return;
                }
            }
        }
    }

    fn take_room(&self) -> bool {
        let more = |len: usize| (len < self.max_keys).then_some(len + 1);
        self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// The code that can panic under a lock, `Eq` and `Clone`, changes nothing, so a poisoned shard is consistent.
    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard<K, V>> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses bits that the hash table uses last.
    fn shard(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.shards.len() - 1)
    }
}

impl<K: Hash + Eq, V: Clone> Keyed<K, V> {
    /// Returns the state of `key`, if it has one. This counts as a lookup.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.look_up(self.hasher.hash_one(key), key)
    }

    /// Returns the state of `key`, or inserts the one that `make` returns.
    ///
    /// Only a new key is copied; a map of `String` takes `&str`. `make` runs outside the locks. Two threads that look up the
    /// same new key at the same time may both run it, but both get the same state, and the other one is dropped. If `make`
    /// panics, the map is unchanged.
    pub fn get_or_insert_with<Q>(&self, key: &Q, make: impl FnOnce() -> V) -> V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.look_up(hash, key).unwrap_or_else(|| self.insert(hash, key.to_owned(), make()))
    }

    /// Removes the state of `key` and returns it.
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
                // Another thread, or `make` itself, may have inserted the key.
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
        // A full map has evicted its idle states first. Besides, the hand of a shard must not advance for a sweep and an
        // eviction in turn: half of the samples would never lose an entry.
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

/// Shows no keys: they may be secret, and many.
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

    /// The bound does not depend on how keys are spread: a full map with an empty shard evicts from another one.
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
