//! `LogLayer`: the settings of the call log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
/// If the service fails to become ready, panics in `poll_ready`, or is dropped while it is not ready, both events are emitted too.
/// Their `duration_ms` begins when the service first was not ready.
///
/// A response that streams ends the call when its body ends, if the classifier
/// [says so](buttress_error::Classifier::completion), as `at_body_end` of `buttress-http` does. Dropping the rest of the body is
/// the outcome `cancelled`. No request and no response is part of an event.
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

#[derive(Clone)]
pub(super) struct Settings<C> {
    pub(super) call: CallSettings,
    pub(super) classifier: C,
}

/// What does not depend on the classifier.
#[derive(Clone)]
pub(super) struct CallSettings {
    pub(super) name: Arc<str>,
    pub(super) events: LoggedEvents,
    pub(super) success_level: Level,
    /// The size of the buffer for DEBUG records, in bytes.
    pub(super) buffer: Option<usize>,
    pub(super) slow_after: Option<Duration>,
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
        let success_level = Level::INFO;
        let call = CallSettings { name, events, success_level, buffer: None, slow_after: None };
        Self { settings: Arc::new(Settings { call, classifier: ByKind }) }
    }
}

impl<C> LogLayer<C> {
    /// Disables `call.started`.
    #[must_use]
    pub fn end_only(self) -> Self
    where
        C: Clone,
    {
        self.edit(|call| match call.events {
            LoggedEvents::None => call,
            _ => CallSettings { events: LoggedEvents::End, ..call },
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
        self.edit(|call| CallSettings { success_level: level, ..call })
    }

    /// Keeps the DEBUG and TRACE records of each call in a buffer of at most `bytes`, and writes them only if the call fails, is
    /// cancelled or panics, in their order and before `call.ended`. If the call succeeds they are dropped. Default: they are
    /// written at once.
    ///
    /// The filter must let such records pass; or [`Config::call_levels`](crate::Config::call_levels) allows calls a level of their
    /// own, which a buffered call then has, while other code logs at the level of the program. The oldest records are dropped
    /// first, and `call.ended` has their number as `dropped_records`. Each record takes about 32 bytes more than its line. The
    /// buffer takes memory only for records, and belongs to the context of the call: it follows the call to other threads.
    ///
    /// A buffered call inside another one: if it succeeds, its records belong to the outer call. Records that a task logs in the
    /// context of the call after its end are written if it failed, and dropped if it succeeded.
    ///
    /// A call whose context has a [level of its own](buttress_context::Context::with_log_level) is not buffered.
    ///
    /// Only the lines of a [`JsonLayer`](crate::JsonLayer) and of [`Config`](crate::Config) are kept; other layers of the
    /// subscriber log at once.
    #[must_use]
    pub fn buffer_debug(self, bytes: usize) -> Self
    where
        C: Clone,
    {
        self.edit(|call| CallSettings { buffer: Some(bytes), ..call })
    }

    /// Writes the [buffered](Self::buffer_debug) records of a successful call too, if it takes `limit` or longer. Default: never.
    #[must_use]
    pub fn slow_after(self, limit: Duration) -> Self
    where
        C: Clone,
    {
        self.edit(|call| CallSettings { slow_after: Some(limit), ..call })
    }

    /// Returns `true` unless the layer is [`off`](LogLayer::off).
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.call.events != LoggedEvents::None
    }

    /// Sets the classifier that decides whether an outcome is a failure, and of which kind. Default: the kind of the error.
    #[must_use]
    pub fn classifier<D>(self, classifier: D) -> LogLayer<D> {
        LogLayer { settings: Arc::new(Settings { call: self.settings.call.clone(), classifier }) }
    }

    /// Sets a closure as the classifier. Annotate its parameter: `|outcome: &Result<Reply, Error>| …`.
    #[must_use]
    pub fn classify_with<F, Res, E>(self, judge: F) -> LogLayer<F>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
    {
        self.classifier(judge)
    }

    fn edit(self, change: impl FnOnce(CallSettings) -> CallSettings) -> Self
    where
        C: Clone,
    {
        let Settings { call, classifier } = Arc::unwrap_or_clone(self.settings);
        Self { settings: Arc::new(Settings { call: change(call), classifier }) }
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
            .field("name", &self.call.name)
            .field("events", &self.call.events)
            .field("success_level", &self.call.success_level)
            .field("buffer_debug", &self.call.buffer)
            .field("slow_after", &self.call.slow_after)
            .finish_non_exhaustive()
    }
}
