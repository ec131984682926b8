use std::sync::{Arc, LazyLock};
use std::time::Duration;

use buttress_error::ConfigError;
use tower_layer::Layer;

use super::DeadlineService;
use crate::name::Name;
use crate::setting::check_limit;

static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "deadline".into());

/// Limits the whole call, retries and waits included: outside of the retry layer.
///
/// It puts a [deadline](buttress_context::Context::deadline), `limit` from the call, into the context of everything
/// inside; a deadline that the call came with is only ever shortened. So retries stop in time, attempts take no longer
/// than is left, and clients can tell the server. Its timer ends with the head of
/// the response; whoever reads a body can go by the deadline in the context, as `buttress-http` does.
///
/// When the time is up the work is polled [for the last time](buttress_context::LastPoll): a result that is ready wins over
/// the timer. Else the inner future
/// is dropped at once, in its context, and the call fails with a [`Rejection`](buttress_error::Rejection),
/// [`RejectionReason::Deadline`](buttress_error::RejectionReason::Deadline) of kind `DeadlineExceeded`: it names the layer, the limit, the
/// time that passed, and the last real failure that layers inside have [reported](buttress_context::Report). Where the
/// caller's deadline is the nearer one, limit and time count from when the caller set it. A call that came with a deadline which has passed is refused without calling
/// the inner service. Of several layers with the same deadline the one that has set it reports.
///
/// [`Duration::MAX`] is no limit. Zero refuses every call; [`try_new`](Self::try_new) refuses zero.
///
/// The wait in `poll_ready` comes before the call, so the layer itself doesn't limit it.
///
/// # Panics
/// Outside a tokio runtime with timers, the future panics when it has to wait.
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
pub struct DeadlineLayer {
    limit: Duration,
    name: Name,
}

impl DeadlineLayer {
    /// Every call may take `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, name: Name::fixed(&NAME) }
    }

    /// Every call may take `limit`, which may come from a file: it is checked.
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn try_new(limit: Duration) -> Result<Self, ConfigError> {
        check_limit(limit).map(Self::new)
    }

    /// Its name in rejections and events. Default: `deadline`.
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

    /// How long a call may take.
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

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService::new(inner, self.limit, self.name.clone())
    }
}
