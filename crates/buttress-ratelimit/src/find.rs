//! Which limit a request is counted in.

use std::fmt;
use std::hash::Hash;

use crate::keyed::KeyedRateLimits;
use crate::limit::RateLimit;

/// Finds the limit of a request.
pub trait FindLimit<Req> {
    /// Runs `work` with the limit of the request.
    fn with_limit<R>(&self, request: &Req, work: impl FnOnce(&RateLimit) -> R) -> R;
}

/// One limit for all requests.
impl<Req> FindLimit<Req> for RateLimit {
    #[inline]
    fn with_limit<R>(&self, _: &Req, work: impl FnOnce(&Self) -> R) -> R {
        work(self)
    }
}

/// A limit for each key; see [`RateLimitLayer::keyed_by`](crate::RateLimitLayer::keyed_by).
pub struct ByKey<F, K> {
    pub(crate) limits: KeyedRateLimits<K>,
    pub(crate) key: F,
}

impl<Req, F, K> FindLimit<Req> for ByKey<F, K>
where
    F: Fn(&Req) -> K,
    K: Hash + Eq + Clone,
{
    fn with_limit<R>(&self, request: &Req, work: impl FnOnce(&RateLimit) -> R) -> R {
        work(&self.limits.get(&(self.key)(request)))
    }
}

impl<F: Clone, K> Clone for ByKey<F, K> {
    fn clone(&self) -> Self {
        Self { limits: self.limits.clone(), key: self.key.clone() }
    }
}

impl<F, K> fmt::Debug for ByKey<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limits.fmt(f)
    }
}
