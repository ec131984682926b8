use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use buttress_error::{Classifier, Rejection};
use pin_project_lite::pin_project;

use crate::breaker::Breaker;
use crate::breaker::call::{AbandonOnDrop, Call};
use crate::circuit::refusal::Refused;

pin_project! {
    /// The future of [`BreakerService`](crate::BreakerService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        // Declared first, so dropped first: a dropped call is abandoned before its future undoes anything.
        decision: Decision,
        // None: the inner service was not called.
        #[pin]
        inner: Option<F>,
        classifier: C,
    }
}

/// What the circuit decided. It is not one enum with the inner future, which would then be moved into place.
enum Decision {
    Admitted(AbandonOnDrop),
    /// None once the rejection was returned.
    Refused(Option<Refused>),
}

impl<F, C> ResponseFuture<F, C> {
    #[inline]
    pub(crate) const fn running(inner: F, call: Call<Breaker>, classifier: C) -> Self {
        Self { inner: Some(inner), decision: Decision::Admitted(AbandonOnDrop::new(call)), classifier }
    }

    pub(crate) const fn rejected(refused: Refused, classifier: C) -> Self {
        Self { inner: None, decision: Decision::Refused(Some(refused)), classifier }
    }

    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self.decision, Decision::Refused(_))
    }
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classifier<T, E>,
    E: From<Rejection>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        match (this.decision, this.inner.as_pin_mut()) {
            (Decision::Admitted(call), Some(inner)) => call.poll(inner, this.classifier, cx),
            (Decision::Refused(refused), _) => {
                let refused = refused.take().expect("polled after completion");
                Poll::Ready(Err(Rejection::from(refused).into()))
            }
            (Decision::Admitted(_), None) => unreachable!("an admitted call has a future"),
        }
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.decision {
            Decision::Refused(_) => "rejected",
            Decision::Admitted(call) if call.0.is_settled() => "done",
            Decision::Admitted(_) => "running",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
