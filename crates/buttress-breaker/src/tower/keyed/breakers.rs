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
/// A handle: clones share the breakers, and so do all layers and services made of it. A breaker is made when its key is
/// first asked for. At most 10 000 are kept, and one that nobody has asked for in 10 minutes may go;
/// [`builder`](Self::builder) takes other bounds. Where room is needed, of a few breakers the one that was asked for least recently goes,
/// and one that matters only if several others in a row matter too: that is one that refuses calls now, ramps, or was
/// ordered to be something else than closed. A key that comes again begins with a closed circuit.
///
/// A breaker takes 1.3 kB with its key and the default window (a count window takes a byte for each call), so all take 13
/// MB at the default bound.
/// The calls of one key take a short lock, as few threads meet at one key.
///
/// A breaker is called after the template and its key, `payments[api.example]`, in rejections, events and log lines. Of the key's
/// `Display` at most 64 characters are shown, and `?` in place of each that is neither a letter, a digit nor ASCII
/// punctuation: keys come from requests. So don't take a secret for a key, or hide it in its `Display`.
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
    /// Breakers with the name and settings of `template`, or with default settings if it is a name. The template itself
    /// counts nothing.
    #[must_use]
    pub fn new(template: impl Into<Breaker>) -> Self {
        Self::builder(template).unchecked()
    }

    /// Other bounds.
    pub fn builder(template: impl Into<Breaker>) -> KeyedBreakersBuilder<K> {
        KeyedBreakersBuilder::new(template.into())
    }

    pub(super) fn with(template: Breaker, bounds: Bounds, breakers: Keyed<K, Breaker>) -> Self {
        Self { shared: Arc::new(Shared { template, bounds, breakers }) }
    }

    /// Other breakers of the same template, within the same bounds.
    pub(super) fn alike(&self) -> Self {
        let Shared { template, bounds, .. } = &*self.shared;
        KeyedBreakersBuilder::within(template.clone(), *bounds).unchecked()
    }

    /// Whose name and settings they have, as they are when a breaker is made.
    #[must_use]
    pub fn template(&self) -> &Breaker {
        &self.shared.template
    }

    /// How many keys have a breaker now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.breakers.len()
    }

    /// True if no key has a breaker.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.breakers.is_empty()
    }

    /// How many breakers have come and gone, and why.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        self.shared.breakers.stats()
    }

    /// All keys and their breakers, in no order. Nobody has asked for them by that.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, Breaker)>
    where
        K: Clone,
    {
        self.shared.breakers.entries()
    }
}

impl<K: Hash + Eq> KeyedBreakers<K> {
    /// The breaker of `key`: the one it has, or a new one. Only a new key is copied; `&str` will do for a `String`.
    #[must_use]
    pub fn breaker<Q>(&self, key: &Q) -> Breaker
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + fmt::Display + ?Sized,
    {
        let Shared { template, breakers, .. } = &*self.shared;
        // No room for threads: it would be most of a breaker's size.
        breakers.get_or_insert_with(key, || template.for_key(name(template.name(), key)))
    }

    /// The breaker of `key`, if it has one.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shared.breakers.get(key)
    }

    /// Takes the breaker of `key` out. Calls under way are still settled with it.
    pub fn remove<Q>(&self, key: &Q) -> Option<Breaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shared.breakers.remove(key)
    }
}

/// Would a closed circuit in its place be noticed? An open one whose wait is over matters no more: nobody has called it
/// since.
pub(super) fn matters(breaker: &Breaker) -> bool {
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

/// Tells no keys: they may be secret, and many.
impl<K> fmt::Debug for KeyedBreakers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakers")
            .field("name", &self.template().name())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
