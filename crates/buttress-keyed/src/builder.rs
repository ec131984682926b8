//! `KeyedBuilder`: the settings of a map.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use buttress_error::ConfigError;

use crate::Keyed;

/// Decides whether a state is kept.
pub(crate) type Keep<V> = Box<dyn Fn(&V) -> bool + Send + Sync>;

/// Builds a [`Keyed`] with other settings. [`build`](Self::build) checks them.
#[must_use = "a builder does nothing before `build`"]
pub struct KeyedBuilder<K, V> {
    pub(crate) max_keys: usize,
    pub(crate) idle_after: Duration,
    pub(crate) keep: Option<Keep<V>>,
    keys: PhantomData<fn() -> K>,
}

impl<K, V: Clone> KeyedBuilder<K, V> {
    pub(crate) const fn new() -> Self {
        Self { max_keys: 10_000, idle_after: Duration::from_secs(600), keep: None, keys: PhantomData }
    }

    /// Sets the maximum number of keys that have a state: 1 to 2³² − 1. Default: 10 000.
    ///
    /// Below this number only idle states are evicted. It also sets the number of shards, each with a lock of its own: one
    /// for each 64 keys, rounded down to a power of two between 1 and 1 024. So a larger bound contends less on many
    /// threads. A shard takes 160 bytes; keys take memory only once they are inserted.
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Sets the time without a lookup after which a state is idle and may be evicted: 1 ms or more. A state is evicted
    /// sooner only to make room. Default: 10 minutes.
    ///
    /// Eviction may take twice that time, and longer if the map is rarely called: there is no background task, so calls
    /// search for idle states, a few at a time.
    pub const fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }

    /// Sets a predicate for states that must not be lost, such as an open circuit or a permit in use. A state for which it
    /// returns `true` is not evicted when it is idle, and to make room only if all 16 candidates of a call are kept, which
    /// is unlikely while half of the states are not. Default: no state is kept.
    ///
    /// `keep` runs outside the locks, so it may use the map. A call runs it at most 16 times, and most calls never do. Its
    /// argument is a clone of the handle, so an `Arc` that nobody else holds has a count of two. A state that is kept counts
    /// as looked up.
    pub fn keep(mut self, keep: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// Builds the map.
    ///
    /// # Errors
    /// If `max_keys` is 0 or does not fit in 32 bits, or if `idle_after` is shorter than 1 ms.
    pub fn build(self) -> Result<Keyed<K, V>, ConfigError> {
        if self.max_keys == 0 || u32::try_from(self.max_keys).is_err() {
            return Err(ConfigError::new("max_keys", "in 1..=4_294_967_295", self.max_keys));
        }
        if self.idle_after < Duration::from_millis(1) {
            return Err(ConfigError::new("idle_after", "at least 1 ms", self.idle_after));
        }
        Ok(Keyed::with(self))
    }
}

impl<K, V> fmt::Debug for KeyedBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBuilder")
            .field("max_keys", &self.max_keys)
            .field("idle_after", &self.idle_after)
            .field("keep", &self.keep.is_some())
            .finish()
    }
}
