//! One part of the map as a plain value: what it holds, and who is the next to go.
//!
//! A lookup stamps the entry with the number of the operation, so it needs no clock. Two things follow from the stamps:
//!
//! - The least recently used entry, approximately: of [`SAMPLE`] entries the one with the lowest stamp. (Redis samples too:
//!   <https://redis.io/docs/latest/develop/reference/eviction/>.) They lie evenly spread, since neighbours often came
//!   together and are alike, and a hand moves on by one each time, so that each entry has its turn.
//! - Idle entries: at a known time the number of the operation is noted; once the idle time has passed since, all entries
//!   that bear no higher stamp are idle.

use std::time::Duration;

use hashbrown::HashTable;
use tokio::time::Instant;

use crate::stats::{Exit, KeyedStats};

/// Entries that are compared to find one that may go. The oldest of 16 is among the oldest eighth of all in seven cases
/// of eight.
pub(crate) const SAMPLE: usize = 16;

/// Idle entries are looked for once in so many operations.
const SWEEP_EVERY: u64 = 64;

#[derive(Debug)]
pub(crate) struct Shard<K, V> {
    /// Places in `entries`, by hash.
    index: HashTable<u32>,
    /// Without gaps, so that a sample is always a whole one.
    entries: Vec<Entry<K, V>>,
    /// Operations so far.
    ops: u64,
    /// The place of the next sample's first entry.
    hand: usize,
    /// A time, and the operations up to it.
    mark: (Instant, u64),
    /// Entries with this stamp, or a lower one, are idle.
    idle: u64,
    stats: KeyedStats,
}

#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    key: K,
    value: V,
    /// Kept, so that a growing index doesn't call the key's `Hash`.
    hash: u64,
    /// The operation that last looked it up. No two entries of a shard have the same.
    seen: u64,
}

/// An entry that may go, as it was when it was chosen: who looks it up saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    hash: u64,
    seen: u64,
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

    /// The state of a key, which counts as used by that.
    pub(crate) fn look_up(&mut self, hash: u64, is: impl Fn(&K) -> bool) -> Option<V> {
        let place = self.place(hash, |entry| is(&entry.key))?;
        Some(self.touch(place).value.clone())
    }

    /// The key must not be there.
    pub(crate) fn insert(&mut self, hash: u64, key: K, value: V) {
        let place = u32::try_from(self.entries.len()).expect("max_keys fits in 32 bits");
        self.ops += 1;
        self.entries.push(Entry { key, value, hash, seen: self.ops });
        self.index.insert_unique(hash, place, |place| self.entries[*place as usize].hash);
        self.stats.inserted += 1;
    }

    pub(crate) fn remove(&mut self, hash: u64, is: impl Fn(&K) -> bool) -> Option<Entry<K, V>> {
        self.take(hash, |entry| is(&entry.key), Exit::Removed)
    }

    /// True after some of the operations: then it is time to look for idle entries.
    pub(crate) const fn sweep_is_due(&self) -> bool {
        self.ops.is_multiple_of(SWEEP_EVERY)
    }

    /// The least recently used of the next entries.
    pub(crate) fn candidate(&mut self, now: Instant, idle_after: Duration) -> Option<Candidate> {
        if now.saturating_duration_since(self.mark.0) >= idle_after {
            self.idle = self.mark.1;
            self.mark = (now, self.ops);
        }
        let len = self.entries.len();
        let sample =
            (0..SAMPLE.min(len)).map(|i| &self.entries[(self.hand + i * (len / SAMPLE).max(1)) % len]);
        let oldest = sample.min_by_key(|entry| entry.seen)?;
        let candidate = Candidate { hash: oldest.hash, seen: oldest.seen, idle: oldest.seen <= self.idle };
        self.hand = (self.hand + 1) % len;
        Some(candidate)
    }

    /// The state of the candidate, unless it was looked up since.
    pub(crate) fn peek(&self, candidate: Candidate) -> Option<V> {
        let place = self.place(candidate.hash, |entry| entry.seen == candidate.seen)?;
        Some(self.entries[place].value.clone())
    }

    /// Lets the candidate stay as if it had been looked up. The next candidate is of the same sample: that of the next one
    /// may have come together with this one, and matter for the same cause.
    pub(crate) fn spare(&mut self, candidate: Candidate) {
        if let Some(place) = self.place(candidate.hash, |entry| entry.seen == candidate.seen) {
            self.touch(place);
            self.hand = self.hand.checked_sub(1).unwrap_or(self.entries.len() - 1);
        }
    }

    /// Takes the candidate out, unless it was looked up since.
    pub(crate) fn evict(&mut self, candidate: Candidate, exit: Exit) -> Option<Entry<K, V>> {
        self.take(candidate.hash, |entry| entry.seen == candidate.seen, exit)
    }

    fn place(&self, hash: u64, is: impl Fn(&Entry<K, V>) -> bool) -> Option<usize> {
        self.index.find(hash, |place| is(&self.entries[*place as usize])).map(|place| *place as usize)
    }

    fn touch(&mut self, place: usize) -> &Entry<K, V> {
        self.ops += 1;
        let entry = &mut self.entries[place];
        entry.seen = self.ops;
        entry
    }

    fn take(&mut self, hash: u64, is: impl Fn(&Entry<K, V>) -> bool, exit: Exit) -> Option<Entry<K, V>> {
        let found = self.index.find_entry(hash, |place| is(&self.entries[*place as usize])).ok()?;
        let place = found.remove().0;
        let entry = self.entries.swap_remove(place as usize);
        // The last entry fills the gap.
        if let Some(moved) = self.entries.get(place as usize) {
            let from = self.entries.len();
            let moved = self.index.find_mut(moved.hash, |place| *place as usize == from);
            *moved.expect("each entry is in the index") = place;
        }
        self.stats.left(exit);
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
