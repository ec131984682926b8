//! `RetryContext`: the policy that the context of a call carries in place of the callee's.

use std::sync::Arc;

use buttress_context::Context;

use super::Policy;
use super::first_attempt::FirstAttempt;

/// Sets a [`Policy`] in a [`Context`], for the calls made in it.
///
/// Every inner retry uses it in place of its own policy: layers, [`retry`](crate::retry()) and
/// [`retry_blocking`](crate::retry_blocking()), also behind other layers and in tasks that keep the context. (Behind a
/// `tower::buffer` it has no effect, because the buffer's worker makes the call.) If retries nest, each of them uses it;
/// they multiply no more than they otherwise do. It is not sent over the wire.
///
/// Three settings belong to the dependency and stay the layer's: its [budget](crate::PolicyBuilder::budget), unless the
/// policy was given one or [none](crate::PolicyBuilder::no_budget); its remedies, which come after the policy's own; and
/// [`disable_inner_retries`](crate::PolicyBuilder::disable_inner_retries). [`Context::with_max_attempts`] overrides this
/// policy too, and [`Context::without_retries`] turns all retries off.
///
/// A call with a policy in its context allocates twice when it begins, where others allocate nothing.
///
/// ```
/// use std::time::Duration;
/// use buttress_context::Context;
/// use buttress_error::{Error, Kind};
/// use buttress_retry::{Policy, RetryContext, RetryLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn busy(month: u32) -> Result<u32, Error> {
///     Err(Error::new(Kind::Unavailable, "no report of this month yet"))
/// }
///
/// let client = RetryLayer::new(Policy::default()).assume_idempotent().layer(service_fn(busy));
///
/// // The report of the month may take its time: this call only, through the same client.
/// let patient = Policy::fixed(Duration::from_secs(60)).max_attempts(10).build()?;
/// let cx = Context::current().with_retry_policy(patient);
/// let error = cx.scope(async { client.oneshot(7).await }).await.unwrap_err();
/// assert_eq!(error.retry_summary().unwrap().attempts, 10);
/// # Ok(()) }
/// ```
pub trait RetryContext: Sized + sealed::Sealed {
    /// Returns the context with `policy`, which may be shared, in place of the policies of the retries that its calls reach.
    #[must_use]
    fn with_retry_policy(self, policy: impl Into<Arc<Policy>>) -> Self;

    /// Returns the policy set by [`with_retry_policy`](Self::with_retry_policy), if any.
    fn retry_policy(&self) -> Option<&Policy>;
}

impl RetryContext for Context {
    fn with_retry_policy(self, policy: impl Into<Arc<Policy>>) -> Self {
        self.with_extension(OverridingPolicy(policy.into()))
    }

    fn retry_policy(&self) -> Option<&Policy> {
        self.extension().map(|OverridingPolicy(policy)| &**policy)
    }
}

/// A type of its own, so that no other extension of the context is taken for it.
struct OverridingPolicy(Arc<Policy>);

mod sealed {
    pub trait Sealed {}
    impl Sealed for buttress_context::Context {}
}

/// Returns how the first attempt under `policy` runs in the current context.
#[inline]
pub(crate) fn first_attempt(policy: &Policy) -> FirstAttempt {
    if Context::current_overrides() { overridden_first_attempt(policy) } else { policy.first_attempt }
}

#[cold]
fn overridden_first_attempt(policy: &Policy) -> FirstAttempt {
    let overridden = Context::read(|cx| cx.retry_policy().is_some());
    match policy.first_attempt {
        _ if overridden => FirstAttempt::Scoped,
        FirstAttempt::Scoped => FirstAttempt::Scoped,
        _ if retry_may_follow(policy, 1) => FirstAttempt::Retryable,
        _ => FirstAttempt::Only,
    }
}

/// Returns `true` if a retry may follow attempt number `attempt`, as far as the limits on attempts go.
pub(crate) fn retry_may_follow(policy: &Policy, attempt: u32) -> bool {
    let (owned, max_attempts) = Context::read(|cx| (cx.inner_retries_disabled(), cx.max_attempts()));
    !owned && attempt < max_attempts.map_or(policy.max_attempts(), u32::from)
}

/// Returns the policy of the current context, completed by the settings of `own` that belong to the dependency.
#[cold]
pub(crate) fn overriding_policy(own: &Policy) -> Option<Box<Policy>> {
    Context::read(|cx| cx.retry_policy().map(|policy| Box::new(policy.overriding(own))))
}
