//! `KeyedBreakersBuilder`: the bounds of keyed breakers.

use std::marker::PhantomData;
use std::time::Duration;

use buttress_keyed::{ConfigError, Keyed, KeyedBuilder};

use super::breakers::is_worth_keeping;
use crate::breaker::Breaker;
use crate::tower::keyed::breakers::KeyedBreakers;

/// Builds [`KeyedBreakers`] with other bounds. [`build`](Self::build) checks them.
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

    /// Sets the maximum number of keys that have a breaker: 1 or more. Default: 10 000. A breaker takes 1.3 kB.
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.bounds.max_keys = max_keys;
        self
    }

    /// Sets the time without a lookup after which a breaker may be evicted: 1 ms or more. A breaker is evicted sooner only to
    /// make room, and its counts are lost with it. Default: 10 minutes.
    pub const fn idle_after(mut self, idle_after: Duration) -> Self {
        self.bounds.idle_after = idle_after;
        self
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`ConfigError`] for the first bound that is out of its range.
    pub fn build(self) -> Result<KeyedBreakers<K>, ConfigError> {
        let map = self.map().build()?;
        Ok(self.over(map))
    }

    /// Builds with bounds that are known to be valid.
    pub(super) fn unchecked(self) -> KeyedBreakers<K> {
        let map = self.map().build().expect("the bounds are valid");
        self.over(map)
    }

    fn map(&self) -> KeyedBuilder<K, Breaker> {
        Keyed::builder()
            .max_keys(self.bounds.max_keys)
            .idle_after(self.bounds.idle_after)
            .keep(is_worth_keeping)
    }

    fn over(self, map: Keyed<K, Breaker>) -> KeyedBreakers<K> {
        KeyedBreakers::with(self.template, self.bounds, map)
    }
}
