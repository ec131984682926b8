use std::fmt;

use buttress_error::handle::ServiceHandle;
use buttress_error::{ByKind, IntoGuarded, TranslateLayer, Verdict};
use tower_layer::{Layer, Stack};

use crate::breaker::Breaker;
use crate::tower::service::BreakerService;

/// Puts a [`Breaker`] around a service.
///
/// All `layer()` calls, clones of the layer and clones of its services share one circuit, unless the layer is
/// [`isolated`](Self::isolated). The service keeps its error type, which must be `From<Rejection>`. If the compiler asks for
/// `Infallible: From<Rejection>`, a `TranslateLayer` is missing below.
///
/// An open circuit does not poll the inner service for readiness. A service that became ready that way refuses its next
/// call, even if the wait ends in between. An error from the inner `poll_ready` is passed on and not judged, as no call was
/// made. A call that is refused after the inner service became ready leaves that service ready, for example with the slot of a
/// concurrency limit, until that instance is called or dropped.
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
    pub(crate) breaker: Breaker,
    pub(crate) classifier: C,
    pub(crate) circuits: Circuits,
}

/// What several `layer()` calls share.
#[derive(Clone, Copy)]
pub(crate) enum Circuits {
    /// One circuit.
    Shared,
    /// Only the settings of their circuits.
    Isolated,
}

impl BreakerLayer {
    /// Creates a layer of `breaker`. A name makes a new breaker with default settings.
    #[must_use]
    pub fn new(breaker: impl Into<Breaker>) -> Self {
        Self { breaker: breaker.into(), classifier: ByKind, circuits: Circuits::Shared }
    }
}

impl<C> BreakerLayer<C> {
    /// Judges outcomes by `classifier` instead of [`ByKind`]. It is cloned for each call.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> BreakerLayer<D> {
        BreakerLayer { breaker: self.breaker, classifier, circuits: self.circuits }
    }

    /// Judges outcomes by a closure. Name the type of its argument: `|reply: &Result<Reply, Error>| …`.
    #[must_use]
    pub fn classify_with<F, Res, E>(self, judge: F) -> BreakerLayer<F>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
    {
        self.classifier(judge)
    }

    /// Gives the services of each `layer()` call their own circuit, for a layer around several dependencies. The breaker of the
    /// layer then counts nothing. It provides its name and its present settings, and [`BreakerService::breaker`] returns the
    /// breaker of a service. A [keyed](Self::keyed_by) layer gets own circuits for all keys.
    ///
    /// ```
    /// use buttress_breaker::BreakerLayer;
    /// use tower::Layer;
    ///
    /// let replicas = BreakerLayer::new("replica").isolated();
    /// let (one, two) = (replicas.layer("service 1"), replicas.layer("service 2"));
    /// one.breaker().force_open();
    /// assert!(two.breaker().state().is_closed());
    /// ```
    #[must_use]
    pub fn isolated(self) -> Self {
        Self { circuits: Circuits::Isolated, ..self }
    }

    /// Makes the layer fit around a service with any error type `E`: the error becomes a [`Guarded<E>`](buttress_error::Guarded).
    /// Set the classifier before; it judges a `Result<Response, Guarded<E>>`. If `E` has no class, use for example
    /// [`ByResult`](buttress_error::ByResult).
    ///
    /// ```
    /// use buttress_breaker::BreakerLayer;
    /// use buttress_error::{ByResult, Guarded};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// async fn lookup(_: u32) -> Result<u32, String> {
    ///     Err("lost the connection".to_owned())
    /// }
    ///
    /// let layer = BreakerLayer::new("orders").classifier(ByResult);
    /// let breaker = layer.breaker().clone();
    /// let orders = layer.guarded().layer(service_fn(lookup));
    /// let error = orders.oneshot(7).await.unwrap_err();
    /// assert!(matches!(error, Guarded::Inner(message) if message == "lost the connection"));
    /// assert_eq!(breaker.stats().failed, 1);
    /// # }
    /// ```
    #[must_use]
    pub fn guarded(self) -> Stack<TranslateLayer<IntoGuarded>, Self> {
        Stack::new(TranslateLayer::guarded(), self)
    }

    /// Returns its breaker.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let breaker = match self.circuits {
            Circuits::Shared => self.breaker.clone(),
            Circuits::Isolated => self.breaker.with_same_settings(self.breaker.name().into()),
        };
        BreakerService::new(inner, ServiceHandle::new(breaker), self.classifier.clone())
    }
}

impl<C> fmt::Debug for BreakerLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerLayer").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
