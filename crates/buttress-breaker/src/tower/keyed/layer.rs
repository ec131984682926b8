use std::fmt::{self, Display};
use std::hash::Hash;

use buttress_error::ByKind;
use tower_layer::Layer;

use super::key::{ByKey, ByStr};
use crate::tower::keyed::breakers::KeyedBreakers;
use crate::tower::keyed::service::KeyedBreakerService;
use crate::tower::layer::{BreakerLayer, Circuits};

/// Applies one breaker per key to a service; see [`BreakerLayer::keyed_by`] and [`BreakerLayer::keyed_by_str`].
///
/// All services of a layer share its [`KeyedBreakers`], which describes keys, bounds and names.
#[derive(Clone)]
pub struct KeyedBreakerLayer<F, K = String, C = ByKind> {
    breakers: KeyedBreakers<K>,
    find: F,
    classifier: C,
    circuits: Circuits,
}

impl<C> BreakerLayer<C> {
    /// Uses one breaker for each key that `key` returns for a request. All have the name and the settings of this layer's
    /// breaker, which itself counts no calls. Name the type of the argument: `|request: &Request| …`.
    ///
    /// If the key is a `str` in the request, [`keyed_by_str`](Self::keyed_by_str) avoids a `String` per call.
    ///
    /// ```
    /// use buttress_breaker::BreakerLayer;
    /// use buttress_error::Error;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// struct Order {
    ///     tenant: u64,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
    /// async fn place(_: Order) -> Result<(), Error> {
    ///     Ok(())
    /// }
    ///
    /// let layer = BreakerLayer::new("orders").keyed_by(|order: &Order| order.tenant);
    /// layer.layer(service_fn(place)).oneshot(Order { tenant: 17 }).await?;
    /// assert_eq!(layer.breakers().breaker(&17).stats().succeeded, 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn keyed_by<Req, K, F>(self, key: F) -> KeyedBreakerLayer<ByKey<F>, K, C>
    where
        F: Fn(&Req) -> K,
        K: Hash + Eq + Clone + Display,
    {
        KeyedBreakerLayer::new(self, ByKey(key))
    }

    /// As [`keyed_by`](Self::keyed_by), by a part of the request. Only a new key is copied.
    ///
    /// ```
    /// use buttress_breaker::{BreakerLayer, KeyedBreakers};
    ///
    /// # fn main() -> Result<(), buttress_breaker::ConfigError> {
    /// struct Request {
    ///     host: String,
    /// }
    ///
    /// let hosts = KeyedBreakers::builder("fetch").max_keys(500).build()?;
    /// let layer = BreakerLayer::new("fetch").keyed_by_str(|request: &Request| &request.host).sharing(&hosts);
    /// # let _ = layer; Ok(()) }
    /// ```
    #[must_use]
    pub fn keyed_by_str<Req, F>(self, key: F) -> KeyedBreakerLayer<ByStr<F>, String, C>
    where
        F: Fn(&Req) -> &str,
    {
        KeyedBreakerLayer::new(self, ByStr(key))
    }
}

impl<F, K, C> KeyedBreakerLayer<F, K, C> {
    fn new(layer: BreakerLayer<C>, find: F) -> Self {
        let BreakerLayer { breaker, classifier, circuits } = layer;
        Self { breakers: KeyedBreakers::new(breaker), find, classifier, circuits }
    }

    /// Uses `breakers` instead of its own, such as breakers with other bounds or those of another layer.
    #[must_use]
    pub fn sharing(self, breakers: impl Into<KeyedBreakers<K>>) -> Self {
        Self { breakers: breakers.into(), ..self }
    }

    /// Returns the handle to the breakers.
    pub const fn breakers(&self) -> &KeyedBreakers<K> {
        &self.breakers
    }
}

impl<S, F: Clone, K, C: Clone> Layer<S> for KeyedBreakerLayer<F, K, C> {
    type Service = KeyedBreakerService<S, F, K, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let breakers = match self.circuits {
            Circuits::Shared => self.breakers.clone(),
            Circuits::Isolated => self.breakers.alike(),
        };
        KeyedBreakerService::new(inner, breakers, self.find.clone(), self.classifier.clone())
    }
}

impl<F, K, C> fmt::Debug for KeyedBreakerLayer<F, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakerLayer").field("breakers", &self.breakers).finish_non_exhaustive()
    }
}
