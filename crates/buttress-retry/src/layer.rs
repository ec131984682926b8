use std::fmt;

use buttress_error::{ByKind, Verdict};
use tower_layer::Layer;

use crate::repeat::{ByTrait, Cloning, RepeatWith};
use crate::{Policy, Retry};

/// Repeats calls that failed, by a [`Policy`].
///
/// It waits for the inner service to be ready before each attempt. The request is copied only if another attempt may
/// follow; a request that can't be copied is sent once, never refused. The last real outcome is what the caller gets:
/// a retry never makes an error of its own.
///
/// Every service made by one layer value, and every clone, shares the policy's budget.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use buttress_context::Context;
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
/// # Cancel safety
/// Dropping the future drops the attempt under way; a retry that waits is given back to the budget.
#[derive(Clone)]
pub struct RetryLayer<C = ByKind, R = ByTrait> {
    policy: Policy,
    assume_idempotent: bool,
    classifier: C,
    repeat: R,
}

impl RetryLayer {
    /// Repeats by `policy`, judging by kind, copying requests by [`Replay`](buttress_context::Replay).
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, assume_idempotent: false, classifier: ByKind, repeat: ByTrait }
    }
}

impl<C, R> RetryLayer<C, R> {
    /// Judges outcomes with `classifier`.
    #[must_use]
    pub fn classifier<C2>(self, classifier: C2) -> RetryLayer<C2, R> {
        let Self { policy, assume_idempotent, repeat, .. } = self;
        RetryLayer { policy, assume_idempotent, classifier, repeat }
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
    pub fn repeat<R2>(self, repeat: R2) -> RetryLayer<C, R2> {
        let Self { policy, assume_idempotent, classifier, .. } = self;
        RetryLayer { policy, assume_idempotent, classifier, repeat }
    }

    /// Copies requests by `Clone`.
    #[must_use]
    pub fn cloning(self) -> RetryLayer<C, Cloning> {
        self.repeat(Cloning)
    }

    /// Copies requests with a function, such as `reqwest::Request::try_clone`; none means: sent once.
    #[must_use]
    pub fn repeat_with<Req, F>(self, repeat: F) -> RetryLayer<C, RepeatWith<F>>
    where
        F: Fn(&Req) -> Option<Req>,
    {
        self.repeat(RepeatWith(repeat))
    }

    /// Takes every request for idempotent of which neither itself nor the context says otherwise.
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
    type Service = Retry<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(
            inner,
            self.policy.clone(),
            self.assume_idempotent,
            self.classifier.clone(),
            self.repeat.clone(),
        )
    }
}
