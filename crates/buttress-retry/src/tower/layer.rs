use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use buttress_error::{ByKind, Error, Verdict};
use tower_layer::Layer;

use super::replay::{ByTrait, Cloning, ReplayWith};
use super::service::{RetryService, Shared};
use super::spare::Spare;
use crate::policy::Policy;
use crate::remedy::{Remedy, RemedyCondition};

/// Retries failed calls according to a [`Policy`].
///
/// Before each attempt it waits until the inner service is ready. It copies the request only if another attempt may follow;
/// a request that can't be copied is sent once, and never refused. The caller gets the last real outcome: a retry layer
/// makes no errors of its own.
///
/// All services made by one layer value, and their clones, share the policy's budget.
///
/// The request must implement [`Replay`](buttress_context::Replay), unless the layer has another way to copy it
/// ([`cloning`](Self::cloning), [`replay_with`](Self::replay_with)). The error must have a class, unless the layer has a
/// [`classifier`](Self::classifier). If the compiler says only that `.ready()` does not exist,
/// [`check`](buttress_error::check)`(&service)` names the missing part.
///
/// An `Ok` is a success, even a response with status 503. A `buttress_http::HttpLayer` below this layer turns bad statuses
/// into errors; a classifier can also call them failures.
///
/// A failure that may have been processed is retried only if the request is idempotent. An `http::Request` says so by its
/// method; for other types see [`assume_idempotent`](Self::assume_idempotent). A layer logs one warning if it did not retry a
/// call only because the request type does not say whether it is idempotent.
///
/// # After an attempt of unknown outcome
///
/// An attempt that was cut, or whose response was lost, may have taken effect. Whatever a later attempt of the call fails
/// with, its error then has [`Delivery::Unknown`](buttress_error::Delivery::Unknown) and a note with the reason, and it never
/// advises a new operation. If a layer of the stack rejects a later attempt, the caller gets the last real error, with the
/// rejection as a note. (A failed response is not kept, because its body may hold a connection. In that case the caller gets
/// the rejection, of unknown delivery.)
///
/// If a request with an [idempotency key](buttress_context::Replay::has_idempotency_key) gets a conflict after such an
/// attempt, that attempt is still being processed. The same request with the same key is then sent again after a wait, within
/// attempts, deadline and budget.
///
/// [`buttress_error::Error`] stores all this; your own error type can do so through
/// [`note_retry_summary`](buttress_error::Classify::note_retry_summary). A foreign error type cannot, and neither can a
/// closure used as classifier. In that case the caller gets the latest error of unknown outcome in place of an error which
/// says that nothing was processed. A response, such as one with status 404, is returned unchanged, and outer retries in the
/// same task leave it alone.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use buttress_error::{Error, Kind};
/// use buttress_retry::{Policy, RetryLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// static CALLS: AtomicU32 = AtomicU32::new(0);
///
/// async fn flaky(id: u32) -> Result<u32, Error> {
///     match CALLS.fetch_add(1, Ordering::Relaxed) {
///         0 | 1 => Err(Error::new(Kind::Unavailable, "not yet")),
///         _ => Ok(id * 2),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Error> {
/// let service = RetryLayer::new(Policy::default()).assume_idempotent().layer(service_fn(flaky));
/// assert_eq!(service.oneshot(21).await?, 42);
/// assert_eq!(CALLS.load(Ordering::Relaxed), 3);
/// # Ok(()) }
/// ```
///
/// # Panics
/// Outside a tokio runtime with timers, the future panics when it has to wait.
///
/// # Cancel safety
/// Dropping the future drops the attempt under way. A retry that is still waiting is given back to the budget.
#[derive(Clone)]
pub struct RetryLayer<C = ByKind, R = ByTrait> {
    policy: Policy,
    assume_idempotent: bool,
    classifier: C,
    replay: R,
    /// Whether a service has warned that its request type does not say whether it is idempotent.
    warned: Arc<AtomicBool>,
}

impl RetryLayer {
    /// Creates a layer that retries according to `policy`, classifies errors by their kind, and copies requests by
    /// [`Replay`](buttress_context::Replay).
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, assume_idempotent: false, classifier: ByKind, replay: ByTrait, warned: Arc::default() }
    }
}

impl<C, R> RetryLayer<C, R> {
    /// Adds a [`Remedy`] with default settings, shared by all services of this layer value: on a failure that meets
    /// `condition` it runs `action` with a clone of `state`, and then the call is retried.
    ///
    /// ```
    /// use buttress_error::{Error, Kind};
    /// use buttress_retry::{Policy, RetryLayer, on};
    ///
    /// #[derive(Clone)]
    /// struct Cache;
    ///
    /// impl Cache {
    ///     async fn clear(&self) -> Result<(), Error> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let layer = RetryLayer::new(Policy::default())
    ///     .remedy(on(Kind::ResourceExhausted), Cache, |cache| async move { cache.clear().await });
    /// ```
    #[must_use]
    pub fn remedy<T, F, Fut, O, E>(self, condition: RemedyCondition, state: T, action: F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
        E: Into<Error>,
    {
        self.with_remedy(Remedy::run(condition, state, action).unchecked())
    }

    /// Adds `remedy`, after which a failed call is retried.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.policy.add_remedy(remedy);
        self
    }

    /// Sets the name in the field `retry` of events, in place of the [name](crate::PolicyBuilder::name) of the policy.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.policy.set_name(name.into());
        self
    }

    /// Sets the classifier that judges outcomes.
    #[must_use]
    pub fn classifier<C2>(self, classifier: C2) -> RetryLayer<C2, R> {
        let Self { policy, assume_idempotent, replay, warned, .. } = self;
        RetryLayer { policy, assume_idempotent, classifier, replay, warned }
    }

    /// Sets a closure that judges outcomes. If it calls methods of the outcome, it has to name its type:
    /// `|outcome: &Result<Reply, Error>| …`.
    ///
    /// A closure can't mark an outcome as exhausted, so outer retry layers may retry it. Where retries nest, implement
    /// [`Classifier`](buttress_error::Classifier).
    #[must_use]
    pub fn classify_with<Res, E, F>(self, classifier: F) -> RetryLayer<F, R>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
    {
        self.classifier(classifier)
    }

    /// Sets how requests are copied.
    #[must_use]
    pub fn replay_strategy<R2>(self, strategy: R2) -> RetryLayer<C, R2> {
        let Self { policy, assume_idempotent, classifier, warned, .. } = self;
        RetryLayer { policy, assume_idempotent, classifier, replay: strategy, warned }
    }

    /// Copies requests by `Clone`.
    #[must_use]
    pub fn cloning(self) -> RetryLayer<C, Cloning> {
        self.replay_strategy(Cloning)
    }

    /// Copies requests with `copy`, such as `reqwest::Request::try_clone`. A request for which it returns `None` is sent
    /// once.
    #[must_use]
    pub fn replay_with<Req, F>(self, copy: F) -> RetryLayer<C, ReplayWith<F>>
    where
        F: Fn(&Req) -> Option<Req>,
    {
        self.replay_strategy(ReplayWith(copy))
    }

    /// Treats a request as idempotent if neither the request nor the context says otherwise.
    #[must_use]
    pub const fn assume_idempotent(mut self) -> Self {
        self.assume_idempotent = true;
        self
    }
}

impl<C, R> fmt::Debug for RetryLayer<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl<S: Clone, C: Clone, R: Clone> Layer<S> for RetryLayer<C, R> {
    type Service = RetryService<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { policy, assume_idempotent, classifier, replay, warned } = self.clone();
        let spare = Spare::new(inner.clone());
        RetryService::new(inner, Shared { policy, classifier, replay, assume_idempotent, spare, warned })
    }
}
