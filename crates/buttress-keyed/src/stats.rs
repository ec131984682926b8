//! `KeyedStats`: the counts of a map.

/// The counts of a [`Keyed`](crate::Keyed).
///
/// Each inserted state is still in the map or has left it in one way:
/// `inserted == keys + removed + evicted_idle + evicted_full + evicted_kept`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyedStats {
    /// Keys that have a state now.
    pub keys: u64,
    /// States that were inserted.
    pub inserted: u64,
    /// States that [`remove`](crate::Keyed::remove) took out.
    pub removed: u64,
    /// States that were evicted because they were idle.
    pub evicted_idle: u64,
    /// States that were evicted because the map was full, although they were not idle. If this grows, `max_keys` is too
    /// small for the traffic, or a caller invents keys.
    pub evicted_full: u64,
    /// States that were evicted because the map was full, although [`keep`](crate::KeyedBuilder::keep) returned `true` for
    /// them.
    pub evicted_kept: u64,
}

/// How a state left the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    Removed,
    Idle,
    Full,
    Kept,
}

impl KeyedStats {
    pub(crate) const fn record(&mut self, departure: Departure) {
        let count = match departure {
            Departure::Removed => &mut self.removed,
            Departure::Idle => &mut self.evicted_idle,
            Departure::Full => &mut self.evicted_full,
            Departure::Kept => &mut self.evicted_kept,
        };
        *count += 1;
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            keys: self.keys + other.keys,
            inserted: self.inserted + other.inserted,
            removed: self.removed + other.removed,
            evicted_idle: self.evicted_idle + other.evicted_idle,
            evicted_full: self.evicted_full + other.evicted_full,
            evicted_kept: self.evicted_kept + other.evicted_kept,
        }
    }
}
