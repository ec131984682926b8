use std::sync::{Arc, LazyLock};
use std::time::Duration;

use buttress_error::ConfigError;
use tower_layer::Layer;

use super::AttemptTimeoutService;
use crate::name::Name;
use crate::setting::check_limit;

static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "attempt timeout".into());

/// Limits each attempt: innermost in a stack, below retry and breaker, so that they see a hang as a failure.
///
/// An attempt may take its `limit`, but no longer than the [deadline](buttress_context::Context::deadline) of the call
/// leaves. It ends with the head of the response.
///
/// Time in which a streamed request body waits for its own caller is not counted, where the transport
/// [measures](buttress_context::CallerClock) it, as `buttress-http` does; and the limit for the answer begins when the request
/// is out. A single gap in the body may last ten times the limit. The [deadline](crate::DeadlineLayer) counts all time.
///
/// The limit counts from the first poll of the future (its end, to be exact, since an answer that is ready there needs
/// no clock). At the limit the work is polled [for the last time](buttress_context::LastPoll): a result that is ready wins
/// over the timer. Else the inner future is dropped at once, and the call fails with a
/// [`Rejection`](buttress_error::Rejection):
///
/// * [`RejectionReason::AttemptTimeout`](buttress_error::RejectionReason::AttemptTimeout), of kind `Timeout`, where the limit was the nearer
///   one; a retry may help;
/// * [`RejectionReason::Deadline`](buttress_error::RejectionReason::Deadline), of kind `DeadlineExceeded`, where the deadline was; a retry
///   can't help. If a [`DeadlineLayer`](crate::DeadlineLayer) further out has set that deadline, it cuts the call and
///   reports it. A call whose deadline has passed before it began is refused without calling the inner service.
///
/// * [`RejectionReason::RequestStalled`](buttress_error::RejectionReason::RequestStalled), of kind `Cancelled`, where a gap in the caller's own
///   request body was too long: neutral to a circuit breaker, and never retried.
///
/// Each names the layer, the limit and the time that passed. Those of a deadline count from when it was set.
///
/// [`Duration::MAX`] is no limit. Zero lets only answers through that are ready at the first poll, as tokio's own
/// timeout does; [`try_new`](Self::try_new) refuses it.
///
/// The wait in `poll_ready` comes before the attempt, so it is not limited.
///
/// # Panics
/// Outside a tokio runtime with timers, the future panics when it has to wait.
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
pub struct AttemptTimeoutLayer {
    limit: Duration,
    name: Name,
}

impl AttemptTimeoutLayer {
    /// Every attempt may take `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, name: Name::fixed(&NAME) }
    }

    /// Every attempt may take `limit`, which may come from a file: it is checked.
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn try_new(limit: Duration) -> Result<Self, ConfigError> {
        check_limit(limit).map(Self::new)
    }

    /// Its name in rejections and events. Default: `attempt timeout`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into().into();
        self
    }

    /// Keeps the name for ever, so that a call need not count references to it: for layers that live as long as the
    /// program. (The default name is kept anyway.)
    #[must_use]
    pub fn leak(mut self) -> Self {
        self.name = self.name.leak();
        self
    }

    /// How long an attempt may take.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_arc()
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeoutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptTimeoutService::new(inner, self.limit, self.name.clone())
    }
}
