use std::sync::{Arc, LazyLock};
use std::time::Duration;

use buttress_error::ConfigError;
use tower_layer::Layer;

use super::DeadlineService;
use crate::limit::Limit;
use crate::name::Name;

static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "deadline".into());

/// Limits the whole call, retries and waits included. It belongs above the retry layer.
///
/// It puts a [deadline](buttress_context::Context::deadline), `limit` after the start of the call, into the context of
/// everything inside. A deadline that the call came with is only ever shortened. So retries stop in time, attempts take no
/// longer than what is left, and clients can send the deadline to the server. The timer of the layer ends with the head of
/// the response; code that reads a body can use the deadline in the context, as `buttress-http` does.
///
/// At the deadline the inner future is polled [for the last time](buttress_context::LastPoll): a result that is ready wins
/// over the timer. Otherwise the inner future is dropped at once, in its context, and the call fails with a
/// [`Rejection`](buttress_error::Rejection) for the reason
/// [`Deadline`](buttress_error::RejectionReason::Deadline), of kind `DeadlineExceeded`. It holds the name of the layer, the
/// limit, the elapsed time, and the last real failure that inner layers have [reported](buttress_context::Report). If the
/// caller's deadline is the nearer one, limit and elapsed time count from when the caller set it. A call whose deadline
/// passed before it began is refused without calling the inner service. Of several layers with the same deadline, the one
/// that has set it reports.
///
/// [`Duration::MAX`] means no limit. Zero refuses every call; [`try_new`](Self::try_new) refuses zero.
///
/// The wait in `poll_ready` comes before the call and is not limited by this layer.
///
/// # Panics
/// Outside a tokio runtime with timers, the response future panics when it has to wait.
///
/// ```
/// use std::time::Duration;
///
/// use buttress_context::Context;
/// use buttress_error::{Error, Kind};
/// use buttress_timeout::DeadlineLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// async fn hang(_: u32) -> Result<u32, Error> {
///     assert!(Context::current().deadline().remaining().unwrap() <= Duration::from_secs(5));
///     std::future::pending().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # tokio::time::pause();
/// let orders = DeadlineLayer::new(Duration::from_secs(5)).named("orders").layer(service_fn(hang));
/// let error = orders.oneshot(7).await.unwrap_err();
/// assert_eq!(error.kind(), Kind::DeadlineExceeded);
/// assert!(error.to_string().starts_with("orders: deadline exceeded after 5.0"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DeadlineLayer(Limit);

impl DeadlineLayer {
    /// Creates a layer that limits every call to `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self(Limit::new(limit, Name::Default(&NAME)))
    }

    /// Creates a layer that limits every call to `limit`, which may come from a file.
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn try_new(limit: Duration) -> Result<Self, ConfigError> {
        Limit::checked(limit, Name::Default(&NAME)).map(Self)
    }

    /// Sets the name in rejections and events. Default: `deadline`.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        Self(self.0.named(name.into()))
    }

    /// Returns the time that a call may take.
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

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService::new(inner, self.0.for_service())
    }
}
