//! How the key of a request is found.

use std::fmt::{self, Display};
use std::hash::Hash;

use crate::breaker::Breaker;
use crate::tower::keyed::breakers::KeyedBreakers;

/// Finds the breaker by a closure that returns the key; see [`keyed_by`](crate::BreakerLayer::keyed_by).
#[derive(Clone, Copy)]
pub struct ByKey<F>(pub(super) F);

/// Finds the breaker by a closure that returns a part of the request; see [`keyed_by_str`](crate::BreakerLayer::keyed_by_str).
#[derive(Clone, Copy)]
pub struct ByStr<F>(pub(super) F);

/// Finds the breaker of a request: [`ByKey`] or [`ByStr`].
pub trait FindBreaker<Req, K>: sealed::Sealed {
    /// Returns the breaker of the request's key.
    fn find(&self, breakers: &KeyedBreakers<K>, request: &Req) -> Breaker;
}

impl<F, Req, K> FindBreaker<Req, K> for ByKey<F>
where
    F: Fn(&Req) -> K,
    K: Hash + Eq + Clone + Display,
{
    fn find(&self, breakers: &KeyedBreakers<K>, request: &Req) -> Breaker {
        breakers.breaker(&self.0(request))
    }
}

impl<F, Req> FindBreaker<Req, String> for ByStr<F>
where
    F: Fn(&Req) -> &str,
{
    fn find(&self, breakers: &KeyedBreakers<String>, request: &Req) -> Breaker {
        breakers.breaker(self.0(request))
    }
}

impl<F> fmt::Debug for ByKey<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByKey")
    }
}

impl<F> fmt::Debug for ByStr<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByStr")
    }
}

mod sealed {
    pub trait Sealed {}
    impl<F> Sealed for super::ByKey<F> {}
    impl<F> Sealed for super::ByStr<F> {}
}
