use std::sync::{Arc, LazyLock};
use std::time::Duration;

use buttress_error::ConfigError;
use tower_layer::Layer;

use super::AttemptTimeoutService;
use crate::limit::Limit;
use crate::name::Name;

static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "attempt timeout".into());

/// Limits each attempt. It belongs innermost in a stack, below retry and breaker, so that they see a hang as a failure.
///
/// An attempt may take its `limit`, but no longer than the [deadline](buttress_context::Context::deadline) of the call
/// leaves. The attempt ends with the head of the response.
///
/// If the caller streams its request body and the transport [measures](buttress_context::CallerClock) the caller's pauses,
/// as `buttress-http` does, those pauses are not counted, and the limit for the answer begins when the whole request has
/// been sent. A single pause may last ten times the limit. The [deadline](crate::DeadlineLayer) counts all time.
///
/// The limit counts from the end of the first poll of the response future, since an answer that is ready there needs no
/// clock. At the limit the inner future is polled [for the last time](buttress_context::LastPoll): a result that is ready
/// wins over the timer. Otherwise the inner future is dropped at once, and the call fails with a
/// [`Rejection`](buttress_error::Rejection) for one of three reasons:
///
/// * [`AttemptTimeout`](buttress_error::RejectionReason::AttemptTimeout), of kind `Timeout`, if the limit passed. A retry
///   may help.
/// * [`Deadline`](buttress_error::RejectionReason::Deadline), of kind `DeadlineExceeded`, if the deadline passed first. A
///   retry cannot help. If an outer [`DeadlineLayer`](crate::DeadlineLayer) has set that deadline, it cuts the call and
///   reports it. A call whose deadline passed before it began is refused without calling the inner service.
/// * [`RequestStalled`](buttress_error::RejectionReason::RequestStalled), of kind `Cancelled`, if a pause in the caller's
///   own request body was too long. It is neutral to a circuit breaker and never retried.
///
/// The rejection holds the name of the layer, the limit and the elapsed time; for a deadline, both count from when the
/// deadline was set.
///
/// [`Duration::MAX`] means no limit. Zero admits only answers that are ready at the first poll, as tokio's own timeout
/// does; [`try_new`](Self::try_new) refuses zero.
///
/// The wait in `poll_ready` comes before the attempt and is not limited.
///
/// # Panics
/// Outside a tokio runtime with timers, the response future panics when it has to wait.
///
/// ```
/// use std::time::Duration;
///
/// use buttress_error::{Error, Kind};
/// use buttress_timeout::AttemptTimeoutLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// async fn hang(_: u32) -> Result<u32, Error> {
///     std::future::pending().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # tokio::time::pause();
/// let db = AttemptTimeoutLayer::new(Duration::from_secs(2)).named("db").layer(service_fn(hang));
/// let error = db.oneshot(7).await.unwrap_err();
/// assert_eq!(error.kind(), Kind::Timeout);
/// assert!(error.to_string().starts_with("db: attempt timed out after 2.0"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AttemptTimeoutLayer(Limit);

impl AttemptTimeoutLayer {
    /// Creates a layer that limits every attempt to `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self(Limit::new(limit, Name::Default(&NAME)))
    }

    /// Creates a layer that limits every attempt to `limit`, which may come from a file.
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn try_new(limit: Duration) -> Result<Self, ConfigError> {
        Limit::checked(limit, Name::Default(&NAME)).map(Self)
    }

    /// Sets the name in rejections and events. Default: `attempt timeout`.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        Self(self.0.named(name.into()))
    }

    /// Returns the time that an attempt may take.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.0.duration
    }

    /// Returns the name of the layer.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name.as_arc()
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeoutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptTimeoutService::new(inner, self.0.for_service())
    }
}
