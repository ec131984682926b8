//! The bounds of keyed breakers.

use std::marker::PhantomData;
use std::time::Duration;

use buttress_keyed::{ConfigError, Keyed, KeyedBuilder};

use super::breakers::matters;
use crate::breaker::Breaker;
use crate::tower::keyed::breakers::KeyedBreakers;

/// Changes the bounds of [`KeyedBreakers`]; made by [`KeyedBreakers::builder`]. Nothing is checked before
/// [`build`](Self::build).
#[derive(Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct KeyedBreakersBuilder<K> {
    template: Breaker,
    bounds: Bounds,
    keys: PhantomData<fn() -> K>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    max_keys: usize,
    idle_after: Duration,
}

impl<K> KeyedBreakersBuilder<K> {
    pub(super) const fn new(template: Breaker) -> Self {
        Self::within(template, Bounds { max_keys: 10_000, idle_after: Duration::from_secs(600) })
    }

    pub(super) const fn within(template: Breaker, bounds: Bounds) -> Self {
        Self { template, bounds, keys: PhantomData }
    }

    /// How many keys have a breaker at most: 1 or more. Default: 10 000. A breaker takes about 1.3 kB.
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.bounds.max_keys = max_keys;
        self
    }

    /// A breaker that nobody asks for may go after this time, and sooner only to make room: 1 ms or more. Default: 10 minutes. It takes
    /// what it has counted along, and how often it has opened.
    pub const fn idle_after(mut self, idle_after: Duration) -> Self {
        self.bounds.idle_after = idle_after;
        self
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that is out of its range.
    pub fn build(self) -> Result<KeyedBreakers<K>, ConfigError> {
        let map = self.map().build()?;
        Ok(self.over(map))
    }

    /// The breakers within bounds that are known to be good.
    pub(super) fn unchecked(self) -> KeyedBreakers<K> {
        let map = self.map().build().expect("the bounds are good");
        self.over(map)
    }

    fn map(&self) -> KeyedBuilder<K, Breaker> {
        Keyed::builder().max_keys(self.bounds.max_keys).idle_after(self.bounds.idle_after).keep(matters)
    }

    fn over(self, map: Keyed<K, Breaker>) -> KeyedBreakers<K> {
        KeyedBreakers::with(self.template, self.bounds, map)
    }
}
