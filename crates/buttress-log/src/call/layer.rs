//! `LogLayer`: its settings, and what its events tell.

use std::fmt;
use std::sync::Arc;

use buttress_error::{ByKind, Verdict};
use tower_layer::Layer;

use super::LogService;

/// Logs each call: an event when it starts and one when it ends, whatever the end.
///
/// Both have the target `buttress::call` and a field `call` with the name of the layer.
///
/// - `call.started`, at DEBUG.
/// - `call.ended`, with `duration_ms` (a number), `outcome`: `ok`, `error`, `cancelled` (the future was dropped) or
///   `panic`, and `attempts`, the first included. Where known: `kind`, `reason`, and from the retry layer inside
///   `delay_ms` (slept between attempts) and `stopped`; `degraded` if a fallback answered. The level is that of the
///   kind ([`Kind::level`](buttress_error::Kind::level)); INFO for a plain success.
///
/// The event refers to an error by kind and reason. Its chain is for the line of whoever handles it.
///
/// Each call is a report of its own (see [`Report`](buttress_context::Report)): what a retry further out does isn't
/// mixed in. The service and the layer share nothing but the name and the classifier. When nobody listens to
/// the target, the layer reads no clock and allocates nothing.
///
/// ```
/// use buttress_log::LogLayer;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), buttress_error::Error> {
/// async fn charge(amount: u32) -> Result<u32, buttress_error::Error> {
///     Ok(amount)
/// }
///
/// let service = ServiceBuilder::new().layer(LogLayer::new("payments")).service(service_fn(charge));
/// assert_eq!(service.oneshot(17).await?, 17);
/// # Ok(()) }
/// ```
///
/// # Cancel safety
/// A dropped call is logged with the outcome `cancelled`, after the inner future has been dropped.
pub struct LogLayer<C = ByKind> {
    pub(super) shared: Arc<Shared<C>>,
}

pub(super) struct Shared<C> {
    pub(super) name: Arc<str>,
    pub(super) starts: bool,
    pub(super) classifier: C,
}

impl LogLayer {
    /// A layer for the calls of `name`, the dependency or the part of it.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { shared: Arc::new(Shared { name: name.into(), starts: true, classifier: ByKind }) }
    }
}

impl<C> LogLayer<C> {
    /// Leaves out the event at the start.
    #[must_use]
    pub fn end_only(self) -> Self
    where
        C: Clone,
    {
        self.edit(|shared| Shared { starts: false, ..shared })
    }

    /// Judges outcomes by `classifier` instead of by their kind.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> LogLayer<D>
    where
        C: Clone,
    {
        self.edit(|Shared { name, starts, .. }| Shared { name, starts, classifier })
    }

    /// Judges outcomes by a closure. Annotate its parameter: `|outcome: &Result<Reply, Error>| …`.
    #[must_use]
    pub fn classify_with<F, Res, E>(self, judge: F) -> LogLayer<F>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
        C: Clone,
    {
        self.classifier(judge)
    }

    fn edit<D>(self, change: impl FnOnce(Shared<C>) -> Shared<D>) -> LogLayer<D>
    where
        C: Clone,
    {
        let shared = Arc::try_unwrap(self.shared).unwrap_or_else(|shared| Shared {
            name: Arc::clone(&shared.name),
            starts: shared.starts,
            classifier: shared.classifier.clone(),
        });
        LogLayer { shared: Arc::new(change(shared)) }
    }
}

impl<S, C> Layer<S> for LogLayer<C> {
    type Service = LogService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        LogService::new(inner, self.clone())
    }
}

/// The clone shares the name and the classifier.
impl<C> Clone for LogLayer<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C> fmt::Debug for LogLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLayer")
            .field("name", &self.shared.name)
            .field("starts", &self.shared.starts)
            .finish_non_exhaustive()
    }
}
