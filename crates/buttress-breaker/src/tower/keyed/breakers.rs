//! `KeyedBreakers`: the handle.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use buttress_keyed::{Keyed, KeyedStats};

use super::builder::Bounds;
use super::name::name;
use crate::breaker::Breaker;
use crate::circuit::state::State;
use crate::tower::keyed::builder::KeyedBreakersBuilder;

/// One [`Breaker`] for each key, such as a host or a tenant, all with the settings of one template.
///
/// A handle: its clones share the breakers, and so do all layers and services made from it. The first lookup of a key
/// creates its breaker. At most 10 000 are kept, and one that was not looked up for 10 minutes may be evicted;
/// [`builder`](Self::builder) sets other bounds. To make room, the least recently used of a few breakers is evicted. A
/// breaker that refuses calls, recovers, or was forced into a state is evicted only if several others in a row are in such
/// a state too. A key that comes back after that starts with a closed circuit.
///
/// A breaker takes 1.3 kB with its key and the default window (a count window takes a byte for each call). The
/// calls of one key share one counter, which takes no lock while the circuit is closed.
///
/// The name of a breaker consists of that of the template and the key, such as `payments[api.example]`, in rejections,
/// events and log lines. It shows at most 64 characters of the key's `Display`, and `?` for each one that is neither a
/// letter, a digit nor ASCII punctuation, since keys come from requests. Do not use a secret as a key, unless its `Display`
/// hides it.
///
/// ```
/// use buttress_breaker::KeyedBreakers;
/// use buttress_error::{Error, Kind};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// async fn fetch(host: &str) -> Result<u32, Error> {
///     if host == "down.example" { Err(Error::new(Kind::Unavailable, "no route to host")) } else { Ok(200) }
/// }
///
/// let hosts: KeyedBreakers<String> = KeyedBreakers::new("fetch");
/// for _ in 0..5 {
///     let _ = hosts.breaker("down.example").call(|| fetch("down.example")).await;
/// }
/// let refused = hosts.breaker("down.example").call(|| fetch("down.example")).await.unwrap_err();
/// assert!(refused.to_string().starts_with("fetch[down.example]: circuit open"));
/// assert_eq!(hosts.breaker("up.example").call(|| fetch("up.example")).await?, 200);
///
/// // For an operator.
/// for (host, breaker) in hosts.entries() {
///     println!("{host}: {}", breaker.state());
/// }
/// hosts.breaker("down.example").reset();
/// # Ok(()) }
/// ```
pub struct KeyedBreakers<K = String> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    template: Breaker,
    bounds: Bounds,
    breakers: Keyed<K, Breaker>,
}

impl<K> KeyedBreakers<K> {
    /// Creates breakers with the name and settings of `template`, or with the default settings if it is a name. The template
    /// itself counts no calls.
    #[must_use]
    pub fn new(template: impl Into<Breaker>) -> Self {
        Self::builder(template).unchecked()
    }

    /// Returns a builder for other bounds.
    pub fn builder(template: impl Into<Breaker>) -> KeyedBreakersBuilder<K> {
        KeyedBreakersBuilder::new(template.into())
    }

    pub(super) fn with(template: Breaker, bounds: Bounds, breakers: Keyed<K, Breaker>) -> Self {
        Self { shared: Arc::new(Shared { template, bounds, breakers }) }
    }

    /// Creates other breakers with the same template and bounds.
    pub(super) fn alike(&self) -> Self {
        let Shared { template, bounds, .. } = &*self.shared;
        KeyedBreakersBuilder::within(template.clone(), *bounds).unchecked()
    }

    /// Returns the template. A new breaker has its name and its settings of that moment.
    #[must_use]
    pub fn template(&self) -> &Breaker {
        &self.shared.template
    }

    /// Returns the number of keys that have a breaker.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.breakers.len()
    }

    /// Returns `true` if no key has a breaker.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.breakers.is_empty()
    }

    /// Returns how many breakers were created and evicted, and why.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        self.shared.breakers.stats()
    }

    /// Returns all keys and their breakers, in no order. This does not count as a lookup.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, Breaker)>
    where
        K: Clone,
    {
        self.shared.breakers.entries()
    }
}

impl<K: Hash + Eq> KeyedBreakers<K> {
    /// Returns the breaker of `key`, or creates it. Only a new key is copied; keys of type `String` are looked up by `&str`.
    #[must_use]
    pub fn breaker<Q>(&self, key: &Q) -> Breaker
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + fmt::Display + ?Sized,
    {
        let Shared { template, breakers, .. } = &*self.shared;
        breakers.get_or_insert_with(key, || template.for_key(name(template.name(), key)))
    }

    /// Returns the breaker of `key`, if it has one.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shared.breakers.get(key)
    }

    /// Removes the breaker of `key` and returns it. It still records the end of calls in flight.
    pub fn remove<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shared.breakers.remove(key)
    }
}

/// Returns `true` if a closed circuit in its place would behave differently. An open circuit whose wait is over does not
/// count: nothing has called it since.
pub(super) fn is_worth_keeping(breaker: &Breaker) -> bool {
    let now = breaker.now();
    let circuit = breaker.lock();
    let ordered = circuit.is_shadow() || circuit.state() == State::Disabled;
    ordered || circuit.ramp_step_ends(now).is_some() || circuit.refusal(now).is_some()
}

/// The clone shares the breakers.
impl<K> Clone for KeyedBreakers<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K> From<&Self> for KeyedBreakers<K> {
    fn from(breakers: &Self) -> Self {
        breakers.clone()
    }
}

/// Shows no keys: they may be secret, and many.
impl<K> fmt::Debug for KeyedBreakers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakers")
            .field("name", &self.template().name())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
