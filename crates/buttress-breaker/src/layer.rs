use std::fmt;

use buttress_error::{ByKind, Verdict};
use tower_layer::Layer;

use crate::{Breaker, BreakerService};

/// Puts a [`Breaker`] around a service.
///
/// Every `layer()` call, every clone of the layer and every clone of its services share one circuit. The error type of
/// the service stays as it is and has to be `From<Rejection>`: `Infallible: From<Rejection>` in a compiler's message
/// means that a `TranslateLayer` is missing below.
///
/// An open circuit does not even poll the inner service for readiness. A service that was made ready that way refuses
/// its next call, even if the wait ends in between. What `poll_ready` of the inner service fails with is passed on and
/// not judged, as no call was made; and a call that is refused after it was ready leaves the inner service ready, with
/// the slot of a concurrency limit, say, until that instance is called or dropped.
///
/// ```
/// use buttress_breaker::BreakerLayer;
/// use buttress_error::{Class, Error, Kind, Verdict};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// async fn status(_: ()) -> Result<u16, Error> {
///     Ok(503)
/// }
///
/// // This service passes statuses through, so the layer needs a classifier.
/// let layer = BreakerLayer::new("payments").classify_with(|reply: &Result<u16, Error>| match reply {
///     Ok(500..) => Verdict::failure(Kind::Unavailable),
///     Ok(_) => Verdict::success(),
///     Err(error) => Verdict::of(Class::from(error)),
/// });
/// let client = layer.layer(service_fn(status));
/// client.oneshot(()).await?;
/// assert_eq!(layer.breaker().stats().failed, 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BreakerLayer<C = ByKind> {
    breaker: Breaker,
    classifier: C,
}

impl BreakerLayer {
    /// The layer of `breaker`, or of a new breaker with default settings if it is a name.
    #[must_use]
    pub fn new(breaker: impl Into<Breaker>) -> Self {
        Self { breaker: breaker.into(), classifier: ByKind }
    }
}

impl<C> BreakerLayer<C> {
    /// Judges outcomes by `classifier` instead of [`ByKind`]. It is cloned for each call.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> BreakerLayer<D> {
        BreakerLayer { breaker: self.breaker, classifier }
    }

    /// The same for a closure. Name the type of its argument: `|reply: &Result<Reply, Error>| …`.
    #[must_use]
    pub fn classify_with<F, Res, E>(self, judge: F) -> BreakerLayer<F>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
    {
        self.classifier(judge)
    }

    /// The handle.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        BreakerService::new(inner, self.breaker.clone(), self.classifier.clone())
    }
}

impl<C> fmt::Debug for BreakerLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerLayer").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
