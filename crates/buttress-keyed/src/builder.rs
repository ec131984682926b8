//! The builder, and the settings it has checked.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use buttress_error::ConfigError;

use crate::Keyed;

/// Says whether a state matters.
pub(crate) type Keep<V> = Box<dyn Fn(&V) -> bool + Send + Sync>;

/// Changes the settings of a [`Keyed`]; made by [`Keyed::builder`]. Nothing is checked before [`build`](Self::build).
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

    /// How many keys have a state at most: 1 to 2³² − 1. Default: 10 000.
    ///
    /// Up to this number nothing is evicted but what is idle. The locks follow from it too, one for each 64 keys (at
    /// least 1, at most 1 024, a power of two), so a generous bound is also the faster one on many threads. It costs
    /// nothing until the keys come, but 160 bytes a lock.
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// A state that nobody looks up is evicted after this time, and sooner only to make room: 1 ms or more. Default: 10
    /// minutes.
    ///
    /// It may take twice as long, and longer where little is called: calls look for idle states as they go, a few at a
    /// time, since there is no task in the background.
    pub const fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }

    /// A state for which `keep` returns true matters: losing it would be noticed, as an open circuit or a permit in use
    /// would. It isn't evicted for being idle, nor for want of room unless the 16 candidates of a call all matter. That is
    /// unlikely as long as half of the states don't. Default: no state does.
    ///
    /// `keep` runs outside of the locks, so it may use the map; a call runs it 16 times at most, most calls never. The
    /// handle it sees is a clone: of an `Arc` that nobody else holds there are two. A state it has kept counts as looked
    /// up.
    pub fn keep(mut self, keep: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// The map, if the settings make sense.
    ///
    /// # Errors
    ///
    /// `max_keys` is 0 or needs more than 32 bits, or `idle_after` is shorter than 1 ms.
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
        f.debug_struct("Builder")
            .field("max_keys", &self.max_keys)
            .field("idle_after", &self.idle_after)
            .field("keep", &self.keep.is_some())
            .finish()
    }
}
