use std::fmt;

use buttress_error::ByKind;
use tower_layer::Layer;

use crate::breaker::Breaker;
use crate::tower::backpressure::service::BackpressureService;
use crate::tower::layer::BreakerLayer;

/// A [`BreakerLayer`] whose services wait while the circuit is open; made by [`BreakerLayer::backpressure`].
#[derive(Clone)]
pub struct BackpressureLayer<C = ByKind>(BreakerLayer<C>);

impl<C> BreakerLayer<C> {
    /// Makes `poll_ready` wait while the circuit refuses calls, instead of letting `call` refuse them.
    ///
    /// The wait has no limit: a circuit that is forced open may stay so. Put a timeout around it, or a load balancer that
    /// chooses another endpoint meanwhile. (With [`isolated`](Self::isolated), each endpoint has a circuit.) A call right after
    /// `poll_ready` is not refused, unless another thread has taken the last probe or opened the circuit in between, or a
    /// [ramp](crate::BreakerBuilder::ramp) refuses the call.
    ///
    /// While it waits it holds neither a probe nor the readiness of the inner service. To release that readiness it replaces
    /// the inner service by a clone, so the inner service must be `Clone`. It does the same for a call that is refused.
    ///
    /// ```
    /// use buttress_breaker::BreakerLayer;
    /// use buttress_error::{Error, Kind};
    /// use tokio::time::{Duration, Instant};
    /// use tower::{Layer, Service, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Error> {
    /// async fn query(id: u32) -> Result<u32, Error> {
    ///     if id == 0 { Err(Error::new(Kind::Unavailable, "no route to database")) } else { Ok(id) }
    /// }
    ///
    /// let mut service = BreakerLayer::new("db").backpressure().layer(service_fn(query));
    /// for _ in 0..5 {
    ///     let _ = service.ready().await?.call(0).await;
    /// }
    /// let opened = Instant::now();
    /// assert_eq!(service.ready().await?.call(7).await?, 7, "late, but not refused");
    /// assert!(opened.elapsed() > Duration::from_secs(3));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn backpressure(self) -> BackpressureLayer<C> {
        BackpressureLayer(self)
    }
}

impl<C> BackpressureLayer<C> {
    /// Returns its breaker.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        self.0.breaker()
    }
}

impl<S, C: Clone> Layer<S> for BackpressureLayer<C> {
    type Service = BackpressureService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        BackpressureService::new(self.0.layer(inner))
    }
}

impl<C> fmt::Debug for BackpressureLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BackpressureLayer").field(&self.0).finish()
    }
}
