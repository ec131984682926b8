//! The counts that an owner reads.

/// What a map has counted.
///
/// Each state that came in is still there or left in one way:
/// `inserted == keys + removed + evicted_idle + evicted_full + evicted_kept`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyedStats {
    /// Keys that have a state now.
    pub keys: u64,
    /// States that came in.
    pub inserted: u64,
    /// States that were taken out by [`remove`](crate::Keyed::remove).
    pub removed: u64,
    /// States that were evicted because nobody had looked them up for so long.
    pub evicted_idle: u64,
    /// States that were evicted because the map was full, although they weren't idle. When this grows,
    /// `max_keys` is too small for the traffic, or somebody makes up keys.
    pub evicted_full: u64,
    /// States that were evicted because the map was full, although [`keep`](crate::KeyedBuilder::keep) spoke for them.
    pub evicted_kept: u64,
}

/// How a state leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Removed,
    Idle,
    Full,
    Kept,
}

impl KeyedStats {
    pub(crate) const fn left(&mut self, exit: Exit) {
        let count = match exit {
            Exit::Removed => &mut self.removed,
            Exit::Idle => &mut self.evicted_idle,
            Exit::Full => &mut self.evicted_full,
            Exit::Kept => &mut self.evicted_kept,
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
