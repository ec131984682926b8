use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use buttress_error::{ByKind, Error, Verdict};
use tower_layer::Layer;

use crate::tower::replay::{ByTrait, Cloning, ReplayWith};
use crate::tower::service::Core;
use crate::{Policy, Remedy, RemedyCondition, RetryService};

/// Repeats calls that failed, by a [`Policy`].
///
/// It waits for the inner service to be ready before each attempt. The request is copied only if another attempt may
/// follow; a request that can't be copied is sent once, never refused. The last real outcome is what the caller gets:
/// a retry never makes an error of its own.
///
/// Every service made by one layer value, and every clone, shares the policy's budget.
///
/// The request has to be [`Replay`](buttress_context::Replay), unless the layer is told how to copy it
/// ([`cloning`](Self::cloning), [`replay_with`](Self::replay_with)); the error has to know its class, unless the layer is
/// given a [`classifier`](Self::classifier). Where the compiler only says that `.ready()` does not exist,
/// [`check`](buttress_error::check)`(&service)` says which is missing.
///
/// An `Ok` is a success, also a response with status 503. `buttress_http::HttpLayer` below makes it an error; a
/// classifier can call it a failure.
///
/// A failure that may have been processed is repeated only if the request says that it is idempotent: an `http::Request`
/// does, by its method; for others say [`assume_idempotent`](Self::assume_idempotent). The first call of a layer that is
/// not repeated only because its request type says nothing logs a warning.
///
/// # After an attempt of unknown outcome
///
/// An attempt that was cut, or whose answer was lost, may have taken effect. The call remembers it: whatever a later
/// attempt fails with, the error says [`Delivery::Unknown`](buttress_error::Delivery::Unknown), and a note says why. No
/// such error advises a new operation. If a layer of the stack refuses a later attempt, the caller gets the last real
/// error, with the refusal as a note. (A failed response is not kept for that, since its body may hold a connection: then
/// the caller gets the refusal, of unknown delivery.)
///
/// A request with an [idempotency key](buttress_context::Replay::has_idempotency_key) that gets a conflict after such an
/// attempt is still being worked on: the same request with the same key follows after a wait, within attempts, deadline
/// and budget.
///
/// [`buttress_error::Error`] holds all this; an error type of one's own by
/// [`note_retry_summary`](buttress_error::Classify::note_retry_summary). A foreign error type can't, and a closure as classifier doesn't
/// try: instead of an error which says that nothing was sent the caller then gets the last one of unknown outcome. An answer,
/// such as a response with status 404, stays what it is; outer retries of the same task leave it alone.
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
/// Outside a tokio runtime with timers, the future of a call panics when it has to wait.
///
/// # Cancel safety
/// Dropping the future drops the attempt under way; a retry that waits is given back to the budget.
#[derive(Clone)]
pub struct RetryLayer<C = ByKind, R = ByTrait> {
    policy: Policy,
    assume_idempotent: bool,
    classifier: C,
    repeat: R,
    /// Has it warned that its request type says nothing of idempotency?
    warned: Arc<AtomicBool>,
}

impl RetryLayer {
    /// Repeats by `policy`, judging by kind, copying requests by [`Replay`](buttress_context::Replay).
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, assume_idempotent: false, classifier: ByKind, repeat: ByTrait, warned: Arc::default() }
    }
}

impl<C, R> RetryLayer<C, R> {
    /// Heals failures by running `cure` with a clone of `state`, and repeats the call then: a
    /// [`Remedy`] with its defaults, which all services of this layer value share.
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
    pub fn remedy<T, F, Fut, O, E>(self, on: RemedyCondition, state: T, cure: F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
        E: Into<Error>,
    {
        self.with_remedy(Remedy::run(on, state, cure).unchecked())
    }

    /// Heals failures by `remedy`, and repeats the call then.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.policy.add(remedy);
        self
    }

    /// What events call it, in the field `retry`, whatever the [name](crate::PolicyBuilder::name) of its policy.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.policy.rename(name.into());
        self
    }

    /// Judges outcomes with `classifier`.
    #[must_use]
    pub fn classifier<C2>(self, classifier: C2) -> RetryLayer<C2, R> {
        let Self { policy, assume_idempotent, repeat, warned, .. } = self;
        RetryLayer { policy, assume_idempotent, classifier, repeat, warned }
    }

    /// Judges outcomes with a closure. One that calls methods of the outcome has to name its type:
    /// `|outcome: &Result<Reply, Error>| …`.
    ///
    /// A closure can't mark an outcome as given up, so a retry layer further out may repeat it: implement
    /// [`Classifier`](buttress_error::Classifier) where retries nest.
    #[must_use]
    pub fn classify_with<Res, E, F>(self, classifier: F) -> RetryLayer<F, R>
    where
        F: Fn(&Result<Res, E>) -> Verdict,
    {
        self.classifier(classifier)
    }

    /// Copies requests with `repeat`.
    #[must_use]
    pub fn replay_strategy<R2>(self, repeat: R2) -> RetryLayer<C, R2> {
        let Self { policy, assume_idempotent, classifier, warned, .. } = self;
        RetryLayer { policy, assume_idempotent, classifier, repeat, warned }
    }

    /// Copies requests by `Clone`.
    #[must_use]
    pub fn cloning(self) -> RetryLayer<C, Cloning> {
        self.replay_strategy(Cloning)
    }

    /// Copies requests with a function, such as `reqwest::Request::try_clone`; none means: sent once.
    #[must_use]
    pub fn replay_with<Req, F>(self, repeat: F) -> RetryLayer<C, ReplayWith<F>>
    where
        F: Fn(&Req) -> Option<Req>,
    {
        self.replay_strategy(ReplayWith(repeat))
    }

    /// Takes every request for idempotent of which neither itself nor the context says otherwise.
    #[must_use]
    pub const fn assume_idempotent(mut self) -> Self {
        self.assume_idempotent = true;
        self
    }
}

impl<C: Clone, R: Clone> RetryLayer<C, R> {
    fn core<S>(&self, spare: S) -> Core<S, C, R> {
        let Self { policy, assume_idempotent, classifier, repeat, warned } = self.clone();
        Core::new(spare, policy, assume_idempotent, classifier, repeat, warned)
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
        let core = self.core(inner.clone());
        RetryService::new(inner, Arc::new(core))
    }
}
