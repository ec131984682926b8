//! `KeyedRateLimits`: a limit for each key.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;
use buttress_keyed::{Keyed, KeyedStats};

use crate::limit::RateLimit;
use crate::rate::Rate;

/// One limit for each key, such as a tenant or an API token, all of one name and rate. Clones share them.
///
/// At most `max_keys` keys have a limit. The one that was unused for longest makes room, and one that has all its permits
/// before one that has not: a key that is looked up again after its limit was removed has all its permits.
///
/// ```
/// use buttress_ratelimit::{KeyedRateLimits, Rate, RateLimit};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tenants = KeyedRateLimits::new(RateLimit::new("tenants", Rate::per_second(2))?);
/// let limit = tenants.get("acme");
/// limit.try_acquire(2)?;
/// assert!(tenants.get("acme").try_acquire(1).is_err());
/// assert!(tenants.get("other").try_acquire(1).is_ok());
/// # Ok(()) }
/// ```
pub struct KeyedRateLimits<K = String> {
    limits: Arc<Keyed<K, RateLimit>>,
    template: RateLimit,
}

impl<K: Hash + Eq + Clone> KeyedRateLimits<K> {
    /// Creates limits like `limit` for at most 10 000 keys. `limit` itself loses no permits.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let limits = Keyed::builder().keep(RateLimit::is_used).build().unwrap_or_else(|_| Keyed::new());
        Self { limits: Arc::new(limits), template: limit }
    }

    /// Creates limits like `limit` for at most `max_keys` keys. The limit of a key that is unused for `idle_after` is removed.
    ///
    /// # Errors
    /// [`ConfigError`] if `max_keys` or `idle_after` is out of the range of [`Keyed`].
    pub fn bounded(limit: RateLimit, max_keys: usize, idle_after: Duration) -> Result<Self, ConfigError> {
        let limits =
            Keyed::builder().max_keys(max_keys).idle_after(idle_after).keep(RateLimit::is_used).build()?;
        Ok(Self { limits: Arc::new(limits), template: limit })
    }

    /// Returns the limit of a key, which is created if there is none.
    pub fn get<Q>(&self, key: &Q) -> RateLimit
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.limits.get_or_insert_with(key, || self.template.sibling())
    }

    /// Replaces the rate of all keys; see [`RateLimit::set_rate`].
    ///
    /// # Errors
    /// [`ConfigError`], as there.
    pub fn set_rate(&self, rate: Rate) -> Result<(), ConfigError> {
        self.template.set_rate(rate)
    }

    /// Returns the limit that all were made from. Its [statistics](RateLimit::stats) count all keys.
    #[must_use]
    pub const fn template(&self) -> &RateLimit {
        &self.template
    }

    /// Returns the counts of the keys.
    #[must_use]
    pub fn key_stats(&self) -> KeyedStats {
        self.limits.stats()
    }
}

impl<K> Clone for KeyedRateLimits<K> {
    fn clone(&self) -> Self {
        Self { limits: Arc::clone(&self.limits), template: self.template.clone() }
    }
}

impl<K> fmt::Debug for KeyedRateLimits<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimits").field("name", &self.template.name()).finish_non_exhaustive()
    }
}
