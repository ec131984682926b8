//! `LogLayer`: its settings, and the fields of its events.

use std::fmt;
use std::sync::Arc;

use buttress_error::{ByKind, Verdict};
use tower_layer::Layer;
use tracing::Level;

use super::LogService;

/// Logs each call: an event when it starts and one when it ends, whatever the end.
///
/// Both have the target `buttress::call` and a field `call` with the name of the layer.
///
/// - `call.started`, at DEBUG.
/// - `call.ended`, with `outcome`: `ok`, `error`, `cancelled` (the future was dropped) or `panic`, `duration_ms` (a
///   number; left out if the program had no subscriber when the call began), and `attempts`, the first included. Where
///   known: `kind`, `reason`, and from the retry layer inside `delay_ms` (slept between attempts) and `stopped`;
///   `degraded` if a fallback answered.
///
/// The level of `call.ended` is that of the kind ([`Kind::level`](buttress_error::Kind::level)). A success has no kind: it
/// is logged at INFO, or at the [`success_level`](Self::success_level) if the first attempt succeeded.
///
/// The event refers to an error by kind and reason. Its chain is for the line of whoever handles it.
///
/// A service that fails to become ready, with an error or a panic in `poll_ready`, has both events too; their
/// `duration_ms` begins when the service was first found not ready.
///
/// Each call is a report of its own (see [`Report`](buttress_context::Report)): what a retry further out does isn't
/// mixed in. That is so whatever the subscriber and its filters. The service and the layer share the name, the settings
/// and the classifier. An event that no subscriber takes costs no allocation.
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
    pub(super) events: Events,
    pub(super) success_level: Level,
    pub(super) classifier: C,
}

/// Which events of a call are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Events {
    None,
    End,
    StartAndEnd,
}

impl LogLayer {
    /// A layer for the calls of `name`, the dependency or the part of it.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::with_events(name.into(), Events::StartAndEnd)
    }

    /// A layer for the calls of a client. A success at the first attempt is logged at DEBUG: a program makes more calls than
    /// it is called, and its own line about the request tells that they succeeded.
    pub fn for_client(name: impl Into<Arc<str>>) -> Self {
        Self::new(name).success_level(Level::DEBUG)
    }

    /// A layer that logs nothing, for where the type of a stack asks for one. A call through it still has a report of its
    /// own.
    #[must_use]
    pub fn off() -> Self {
        Self::with_events(Arc::from(""), Events::None)
    }

    fn with_events(name: Arc<str>, events: Events) -> Self {
        Self { shared: Arc::new(Shared { name, events, success_level: Level::INFO, classifier: ByKind }) }
    }
}

impl<C> LogLayer<C> {
    /// Leaves out the event at the start.
    #[must_use]
    pub fn end_only(self) -> Self
    where
        C: Clone,
    {
        self.edit(|shared| match shared.events {
            Events::None => shared,
            _ => Shared { events: Events::End, ..shared },
        })
    }

    /// The level of `call.ended` for a call whose first attempt succeeded. Default: INFO, and
    /// DEBUG [for a client](LogLayer::for_client).
    ///
    /// A success after a retry, and an answer of a fallback, stay at INFO; a failure has the level of its kind.
    #[must_use]
    pub fn success_level(self, level: Level) -> Self
    where
        C: Clone,
    {
        self.edit(|shared| Shared { success_level: level, ..shared })
    }

    /// Returns `true` if the layer logs calls: `false` for [`off`](LogLayer::off).
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.shared.events != Events::None
    }

    /// Judges outcomes by `classifier` instead of by their kind.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> LogLayer<D>
    where
        C: Clone,
    {
        self.edit(|Shared { name, events, success_level, .. }| Shared {
            name,
            events,
            success_level,
            classifier,
        })
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
            events: shared.events,
            success_level: shared.success_level,
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

/// The clone shares the name, the settings and the classifier.
impl<C> Clone for LogLayer<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C> fmt::Debug for LogLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLayer")
            .field("name", &self.shared.name)
            .field("events", &self.shared.events)
            .field("success_level", &self.shared.success_level)
            .finish_non_exhaustive()
    }
}
