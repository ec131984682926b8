//! `LogLayer`: the settings of the call log.

use std::fmt;
use std::sync::Arc;

use buttress_error::handle::Handle;
use buttress_error::{ByKind, Verdict};
use tower_layer::Layer;
use tracing::Level;

use crate::call::service::LogService;

/// Logs each call: one event when it starts and one when it ends, however it ends.
///
/// Both events have the target `buttress::call` and a field `call` with the name of the layer:
///
/// - `call.started`, at DEBUG.
/// - `call.ended`, with `outcome` (`ok`, `error`, `panic`, or `cancelled` if the future was dropped), `duration_ms` (a number;
///   absent if the program had no subscriber when the call began) and `attempts`, which counts the first attempt too. Where
///   known: `kind` and `reason`; from an inner retry layer `delay_ms`, the time slept between attempts, and `stopped`;
///   `degraded` if a fallback answered.
///
/// The level of `call.ended` is the level of the error kind ([`Kind::level`](buttress_error::Kind::level)). A success is logged
/// at INFO, or at the [`success_level`](Self::success_level) if the first attempt succeeded.
///
/// The event has the kind and the reason of an error, not its chain, which belongs on the line of the code that handles the
/// error.
///
/// If the service fails to become ready, or panics in `poll_ready`, both events are emitted too. Their `duration_ms` begins when
/// the service first was not ready.
///
/// Each call has a [`Report`](buttress_context::Report) of its own, so the report of an outer retry is not mixed in. The report
/// does not depend on the subscriber and its filters. An event that no subscriber takes does not allocate.
///
/// Clones and services of a layer share its name, its settings and its classifier.
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
/// A dropped call is logged with the outcome `cancelled`, after its inner future has been dropped.
pub struct LogLayer<C = ByKind> {
    pub(super) settings: Arc<Settings<C>>,
}

pub(super) struct Settings<C> {
    pub(super) name: Arc<str>,
    pub(super) events: LoggedEvents,
    pub(super) success_level: Level,
    pub(super) classifier: C,
}

/// Which events of a call are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoggedEvents {
    None,
    End,
    StartAndEnd,
}

impl LogLayer {
    /// Creates a layer for calls to `name`: a dependency or a part of it.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::with_events(name.into(), LoggedEvents::StartAndEnd)
    }

    /// Creates a layer for the calls of a client. Success on the first attempt is logged at DEBUG, because a program makes several
    /// calls for each request that it serves, and the line about that request implies that they succeeded.
    pub fn for_client(name: impl Into<Arc<str>>) -> Self {
        Self::new(name).success_level(Level::DEBUG)
    }

    /// Creates a layer that logs nothing, for a stack whose type requires one. A call through it still has a report of its own.
    #[must_use]
    pub fn off() -> Self {
        Self::with_events(Arc::from(""), LoggedEvents::None)
    }

    fn with_events(name: Arc<str>, events: LoggedEvents) -> Self {
        Self { settings: Arc::new(Settings { name, events, success_level: Level::INFO, classifier: ByKind }) }
    }
}

impl<C> LogLayer<C> {
    /// Disables `call.started`.
    #[must_use]
    pub fn end_only(self) -> Self
    where
        C: Clone,
    {
        self.edit(|settings| match settings.events {
            LoggedEvents::None => settings,
            _ => Settings { events: LoggedEvents::End, ..settings },
        })
    }

    /// Sets the level of `call.ended` for a call whose first attempt succeeded. Default: INFO, or DEBUG
    /// [for a client](LogLayer::for_client).
    ///
    /// A success after a retry and the answer of a fallback are logged at INFO, and a failure at the level of its kind.
    #[must_use]
    pub fn success_level(self, level: Level) -> Self
    where
        C: Clone,
    {
        self.edit(|settings| Settings { success_level: level, ..settings })
    }

    /// Returns `true` unless the layer is [`off`](LogLayer::off).
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.events != LoggedEvents::None
    }

    /// Sets the classifier that decides whether an outcome is a failure, and of which kind. Default: the kind of the error.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> LogLayer<D>
    where
        C: Clone,
    {
        self.edit(|Settings { name, events, success_level, .. }| Settings {
            name,
            events,
            success_level,
            classifier,
        })
    }

    /// Sets a closure as the classifier. Annotate its parameter: `|outcome: &Result<Reply, Error>| …`.
    #[must_use]
    pub fn classify_with<F, Res, E>(self, judge: F) -> LogLayer<F>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
        C: Clone,
    {
        self.classifier(judge)
    }

    fn edit<D>(self, change: impl FnOnce(Settings<C>) -> Settings<D>) -> LogLayer<D>
    where
        C: Clone,
    {
        let settings = Arc::try_unwrap(self.settings).unwrap_or_else(|settings| Settings {
            name: Arc::clone(&settings.name),
            events: settings.events,
            success_level: settings.success_level,
            classifier: settings.classifier.clone(),
        });
        LogLayer { settings: Arc::new(change(settings)) }
    }
}

impl<S, C> Layer<S> for LogLayer<C> {
    type Service = LogService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        LogService::new(inner, Handle::from(Arc::clone(&self.settings)))
    }
}

impl<C> Clone for LogLayer<C> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings) }
    }
}

impl<C> fmt::Debug for LogLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl<C> fmt::Debug for Settings<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLayer")
            .field("name", &self.name)
            .field("events", &self.events)
            .field("success_level", &self.success_level)
            .finish_non_exhaustive()
    }
}
