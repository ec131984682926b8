//! One call's own policy, brought by its context.

use std::sync::Arc;

use buttress_context::Context;

use crate::Policy;
use crate::attempt::driver as operation;

/// How a [`Context`] brings along another [`Policy`] for the calls in it.
///
/// Every retry further in takes it instead of its own: layers, [`retry`](crate::retry()) and
/// [`retry_blocking`](crate::retry_blocking()), also behind other layers (but not behind a `tower::buffer`, whose worker
/// makes the call) and in tasks that keep the context. (Of nested
/// retries that is each; they multiply no more than they do otherwise.) It does not go over the wire.
///
/// What belongs to the dependency stays the layer's: its [budget](crate::PolicyBuilder::budget), unless the policy was
/// given one or [none](crate::PolicyBuilder::no_budget); its remedies, which are asked after the policy's own; and
/// [`retry_only_outermost`](crate::PolicyBuilder::retry_only_outermost). [`Context::with_max_attempts`] overrides this policy too;
/// with [`Context::without_retries`] nothing is repeated.
///
/// A call with a policy of its own allocates twice when it begins, where others allocate nothing.
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
    /// The same, whose calls are repeated by `policy` (or a shared one) instead of that of the retry they come to.
    #[must_use]
    fn with_retry_policy(self, policy: impl Into<Arc<Policy>>) -> Self;

    /// The policy that was brought.
    fn retry_policy(&self) -> Option<&Policy>;
}

impl RetryContext for Context {
    fn with_retry_policy(self, policy: impl Into<Arc<Policy>>) -> Self {
        self.with_extension(Override(policy.into()))
    }

    #[inline]
    fn retry_policy(&self) -> Option<&Policy> {
        self.extension().map(|Override(policy)| &**policy)
    }
}

/// Of a type of its own, so that nothing else in the context is taken for it.
struct Override(Arc<Policy>);

mod sealed {
    pub trait Sealed {}
    impl Sealed for buttress_context::Context {}
}

/// How the first attempt of a call is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// As it comes. None follows it.
    Once,
    /// As it comes. Another may follow.
    Repeatable,
    /// In a context of its own: another policy was brought, or the retries further in have to know that they aren't asked.
    Apart,
}

/// How the first attempt under `policy` is run in the current context.
#[inline]
pub(crate) fn start(policy: &Policy) -> Start {
    if Context::current_overrides() { overridden(policy) } else { policy.start() }
}

#[cold]
#[inline(never)]
fn overridden(policy: &Policy) -> Start {
    let brought = Context::read(|cx| cx.retry_policy().is_some());
    match policy.start() {
        _ if brought => Start::Apart,
        Start::Apart => Start::Apart,
        _ if operation::may_repeat(policy, 0) => Start::Repeatable,
        _ => Start::Once,
    }
}

/// The policy that the current context brings, for a call to what `own` is for.
#[cold]
pub(crate) fn policy(own: &Policy) -> Option<Box<Policy>> {
    Context::read(|cx| cx.retry_policy().map(|policy| Box::new(policy.over(own))))
}
