//! `RateLimitLayer`: the settings of the service.

use std::hash::Hash;
use std::time::Duration;

use buttress_error::ByKind;
use tower_layer::Layer;

use crate::find::ByKey;
use crate::keyed::KeyedRateLimits;
use crate::limit::RateLimit;
use crate::rate::Rate;
use crate::service::RateLimitService;
use crate::throttle::{DrainOnThrottle, NoDrain};
use crate::weight::{ByWeight, OnePermit};

/// Limits the rate of calls. A call that comes too early is refused at once with a
/// [`Rejection`](buttress_error::Rejection) that says when it would be admitted, or waits if [`max_wait`](Self::max_wait)
/// allows it.
///
/// It belongs below retry and breaker, so that each attempt is counted, and above the bulkhead. A refusal is neutral to a
/// breaker.
///
/// All services of a layer and its clones share one limit.
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_ratelimit::RateLimitLayer;
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// async fn search(_: &str) -> Result<u32, Error> {
///     Ok(17)
/// }
///
/// let mut service = RateLimitLayer::per_second(200).burst(1).layer(service_fn(search));
/// assert_eq!(service.ready().await?.call("tower").await?, 17);
/// let error = service.ready().await?.call("tower").await.unwrap_err();
/// assert_eq!(error.kind(), Kind::Rejected);
/// assert!(error.to_string().starts_with("rate limit: too many calls, retry after "));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RateLimitLayer<L = RateLimit, W = OnePermit, C = NoDrain> {
    limits: L,
    weigh: W,
    throttle: C,
    max_wait: Duration,
}

impl RateLimitLayer {
    /// Creates a layer for `limit`, such as one that is shared with other layers or read from a file.
    #[must_use]
    pub const fn new(limit: RateLimit) -> Self {
        Self { limits: limit, weigh: OnePermit, throttle: NoDrain, max_wait: Duration::ZERO }
    }

    /// Creates a layer that allows `permits` calls per second, all of which may come at once.
    ///
    /// # Panics
    /// If `permits` is zero, or above 1 000 000 000. For a number from outside, use [`RateLimit::new`].
    #[must_use]
    pub fn per_second(permits: u32) -> Self {
        Self::with_rate(Rate::per_second(permits))
    }

    fn with_rate(rate: Rate) -> Self {
        match RateLimit::new("rate limit", rate) {
            Ok(limit) => Self::new(limit),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sets how many calls may come at once, for all clones of the layer. Default: those of one second.
    ///
    /// # Panics
    /// If `burst` is zero, or more than the calls of 10 years.
    #[must_use]
    pub fn burst(self, burst: u32) -> Self {
        if let Err(error) = self.limits.set_burst(burst) {
            panic!("{error}");
        }
        self
    }
}

impl<L, W, C> RateLimitLayer<L, W, C> {
    /// Lets calls wait for at most `max_wait`, in first-in, first-out order. [`Duration::MAX`] means no limit but the
    /// [deadline](buttress_context::Context::deadline) of the call. Default: zero, calls do not wait.
    ///
    /// A call whose wait would be longer is refused at once. While a call waits, it keeps the inner service ready, and with it
    /// a slot of an inner concurrency limit that reserves slots in `poll_ready`.
    #[must_use]
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Sets how many permits a request takes. Name the type of the argument: `|request: &Request| …`. Default: one.
    #[must_use]
    pub fn weighed_by<Req, F: Fn(&Req) -> u32>(self, weight: F) -> RateLimitLayer<L, ByWeight<F>, C> {
        let Self { limits, weigh: _, throttle, max_wait } = self;
        RateLimitLayer { limits, weigh: ByWeight(weight), throttle, max_wait }
    }

    /// Drains the limit when the dependency answers with a failure of kind `Throttled`: the next call is admitted after the
    /// wait that the answer asks for, but no later than after `max_wait`. An answer without a wait takes all permits but delays
    /// no longer than the rate does.
    #[must_use]
    pub fn drain_on_throttle(self, max_wait: Duration) -> RateLimitLayer<L, W, DrainOnThrottle<ByKind>> {
        self.drain_on_throttle_by(ByKind, max_wait)
    }

    /// As [`drain_on_throttle`](Self::drain_on_throttle), with a classifier that judges the answers.
    #[must_use]
    pub fn drain_on_throttle_by<D>(
        self,
        classifier: D,
        max_wait: Duration,
    ) -> RateLimitLayer<L, W, DrainOnThrottle<D>> {
        let Self { limits, weigh, throttle: _, max_wait: own } = self;
        RateLimitLayer { limits, weigh, throttle: DrainOnThrottle { classifier, max_wait }, max_wait: own }
    }

    /// Returns the handle to the limit or the limits.
    pub const fn limits(&self) -> &L {
        &self.limits
    }
}

impl<W, C> RateLimitLayer<RateLimit, W, C> {
    /// Uses a limit for each key that `key` returns for a request, with the name and the rate of this layer's limit. Name the
    /// type of the argument: `|request: &Request| …`. For other bounds, or for limits that are shared, see
    /// [`keyed_by_in`](Self::keyed_by_in).
    ///
    /// ```
    /// use buttress_ratelimit::RateLimitLayer;
    ///
    /// struct Order {
    ///     tenant: u64,
    /// }
    ///
    /// let layer = RateLimitLayer::per_second(5).keyed_by(|order: &Order| order.tenant);
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn keyed_by<Req, K, F>(self, key: F) -> RateLimitLayer<ByKey<F, K>, W, C>
    where
        F: Fn(&Req) -> K,
        K: Hash + Eq + Clone,
    {
        let limits = KeyedRateLimits::new(self.limits.clone());
        self.keyed_by_in(&limits, key)
    }

    /// As [`keyed_by`](Self::keyed_by), with the limits of `limits`; this layer's own limit is not used.
    #[must_use]
    pub fn keyed_by_in<Req, K, F>(
        self,
        limits: &KeyedRateLimits<K>,
        key: F,
    ) -> RateLimitLayer<ByKey<F, K>, W, C>
    where
        F: Fn(&Req) -> K,
        K: Hash + Eq + Clone,
    {
        let Self { limits: _, weigh, throttle, max_wait } = self;
        RateLimitLayer { limits: ByKey { limits: limits.clone(), key }, weigh, throttle, max_wait }
    }
}

impl<S, L: Clone, W: Clone, C: Clone> Layer<S> for RateLimitLayer<L, W, C> {
    type Service = RateLimitService<S, L, W, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { limits, weigh, throttle, max_wait } = self.clone();
        RateLimitService::new(inner, limits, weigh, throttle, max_wait)
    }
}
