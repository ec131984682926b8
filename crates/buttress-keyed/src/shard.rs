//! `Shard`: one part of the map as a plain value, with its choice of candidates for eviction.
//!
//! A lookup stamps the entry with the number of the operation, so it reads no clock. The stamps answer two questions:
//!
//! - Which entry is the least recently used? Approximately the one with the lowest stamp of [`SAMPLE`] entries. (Redis
//!   samples too: <https://redis.io/docs/latest/develop/reference/eviction/>.) A sample is spread evenly over the entries,
//!   since neighbours were often inserted together, and a hand advances by one for each sample, so that every entry is
//!   sampled.
//! - Which entries are idle? The shard records a time and the number of the operation at that time. Once the idle time has
//!   passed, all entries with no higher stamp are idle.

use std::time::Duration;

use hashbrown::HashTable;
use tokio::time::Instant;

use crate::stats::{Departure, KeyedStats};

/// The number of entries that are compared to choose a candidate. The oldest of 16 is among the oldest eighth of all
/// entries in seven of eight cases.
pub(crate) const SAMPLE: usize = 16;

/// The number of operations between two searches for idle entries.
const SWEEP_EVERY: u64 = 64;

#[derive(Debug)]
pub(crate) struct Shard<K, V> {
    /// Places in `entries`, by hash.
    index: HashTable<u32>,
    /// Without gaps, so that every sample is complete.
    entries: Vec<Entry<K, V>>,
    /// The number of operations.
    ops: u64,
    /// The place of the next sample's first entry.
    hand: usize,
    /// A time, and the number of operations until then.
    mark: (Instant, u64),
    /// Entries with this stamp or a lower one are idle.
    idle: u64,
    stats: KeyedStats,
}

#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    key: K,
    value: V,
    /// Stored, so that a growing index does not call the key's `Hash`.
    hash: u64,
    /// The number of the last operation on this entry, unique in the shard.
    stamp: u64,
}

/// An entry that may be evicted, as it was when it was chosen. A lookup in the meantime saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    hash: u64,
    stamp: u64,
    pub(crate) idle: bool,
}

impl<K, V: Clone> Shard<K, V> {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            index: HashTable::new(),
            entries: Vec::new(),
            ops: 0,
            hand: 0,
            mark: (now, 0),
            idle: 0,
            stats: KeyedStats::default(),
        }
    }

    /// Returns the state of a key and stamps its entry.
    pub(crate) fn look_up(&mut self, hash: u64, is: impl Fn(&K) -> bool) -> Option<V> {
        let place = self.place(hash, |entry| is(&entry.key))?;
        Some(self.touch(place).value.clone())
    }

    /// Inserts a key that is not in the shard.
    pub(crate) fn insert(&mut self, hash: u64, key: K, value: V) {
        let place = u32::try_from(self.entries.len()).expect("max_keys fits in 32 bits");
        self.ops += 1;
        self.entries.push(Entry { key, value, hash, stamp: self.ops });
        self.index.insert_unique(hash, place, |place| self.entries[*place as usize].hash);
        self.stats.inserted += 1;
    }

    pub(crate) fn remove(&mut self, hash: u64, is: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        self.take(hash, |entry| is(&entry.key), Departure::Removed)
    }

    /// Returns `true` once every [`SWEEP_EVERY`] operations.
    pub(crate) const fn sweep_is_due(&self) -> bool {
        self.ops.is_multiple_of(SWEEP_EVERY)
    }

    /// Returns the least recently used entry of the next sample.
    pub(crate) fn candidate(&mut self, now: Instant, idle_after: Duration) -> Option<Candidate> {
        if now.saturating_duration_since(self.mark.0) >= idle_after {
            self.idle = self.mark.1;
            self.mark = (now, self.ops);
        }
        let len = self.entries.len();
        let sample =
            (0..SAMPLE.min(len)).map(|i| &self.entries[(self.hand + i * (len / SAMPLE).max(1)) % len]);
        let oldest = sample.min_by_key(|entry| entry.stamp)?;
        let candidate = Candidate { hash: oldest.hash, stamp: oldest.stamp, idle: oldest.stamp <= self.idle };
        self.hand = (self.hand + 1) % len;
        Some(candidate)
    }

    /// Returns the state of the candidate, unless it was looked up since.
    pub(crate) fn peek(&self, candidate: Candidate) -> Option<V> {
        let place = self.place(candidate.hash, |entry| entry.stamp == candidate.stamp)?;
        Some(self.entries[place].value.clone())
    }

    /// Stamps the candidate as if it had been looked up. The next candidate is taken from the same sample: the entries of
    /// the next sample may have been inserted together with this one, and be kept for the same reason.
    pub(crate) fn renew(&mut self, candidate: Candidate) {
        if let Some(place) = self.place(candidate.hash, |entry| entry.stamp == candidate.stamp) {
            self.touch(place);
            self.hand = self.hand.checked_sub(1).unwrap_or(self.entries.len() - 1);
        }
    }

    /// Removes the candidate, unless it was looked up since.
    pub(crate) fn evict(&mut self, candidate: Candidate, departure: Departure) -> Option<Entry<K, V>> {
        self.take(candidate.hash, |entry| entry.stamp == candidate.stamp, departure)
    }

    fn place(&self, hash: u64, is: impl Fn(&Entry<K, V>) -> bool) -> Option<usize> {
        self.index.find(hash, |place| is(&self.entries[*place as usize])).map(|place| *place as usize)
    }

    fn touch(&mut self, place: usize) -> &Entry<K, V> {
        self.ops += 1;
        let entry = &mut self.entries[place];
        entry.stamp = self.ops;
        entry
    }

    fn take(
        &mut self,
        hash: u64,
        is: impl Fn(&Entry<K, V>) -> bool,
        departure: Departure,
    ) -> Option<Entry<K, V>> {
        let found = self.index.find_entry(hash, |place| is(&self.entries[*place as usize])).ok()?;
        let place = found.remove().0;
        let entry = self.entries.swap_remove(place as usize);
        // The last entry has filled the gap.
        if let Some(moved) = self.entries.get(place as usize) {
            let from = self.entries.len();
            let moved = self.index.find_mut(moved.hash, |place| *place as usize == from);
            *moved.expect("each entry is in the index") = place;
        }
        self.stats.record(departure);
        Some(entry)
    }

    pub(crate) fn stats(&self) -> KeyedStats {
        KeyedStats { keys: self.entries.len() as u64, ..self.stats }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (K, V)>
    where
        K: Clone,
    {
        self.entries.iter().map(|entry| (entry.key.clone(), entry.value.clone()))
    }
}

impl<K, V> Entry<K, V> {
    pub(crate) fn into_value(self) -> V {
        self.value
    }
}
