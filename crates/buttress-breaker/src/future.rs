use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{self, Poll};

use buttress_error::{Classifier, Rejection};
use pin_project_lite::pin_project;

use crate::Breaker;
use crate::admitted::Admitted;
use crate::state::Refused;

pin_project! {
    /// The future of [`BreakerService`](crate::BreakerService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }

    impl<F, C> PinnedDrop for ResponseFuture<F, C> {
        fn drop(this: Pin<&mut Self>) {
            // Dropped by a panic somewhere else, it is a call that was dropped, and no panic of the inner service.
            if let StateProj::Running { admitted, .. } = this.project().state.project()
                && !admitted.is_settled()
            {
                admitted.abandon();
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, C> {
        // The circuit said no; the inner service was not called.
        Rejected { refused: Option<Refused> },
        Running { #[pin] inner: F, admitted: Admitted<Breaker>, classifier: C },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) const fn running(inner: F, admitted: Admitted<Breaker>, classifier: C) -> Self {
        Self { state: State::Running { inner, admitted, classifier } }
    }

    pub(crate) const fn rejected(refused: Refused) -> Self {
        Self { state: State::Rejected { refused: Some(refused) } }
    }

    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self.state, State::Rejected { .. })
    }
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classifier<T, E>,
    E: From<Rejection>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<T, E>> {
        match self.project().state.project() {
            StateProj::Rejected { refused } => {
                let refused = refused.take().expect("polled after completion");
                Poll::Ready(Err(Rejection::from(refused).into()))
            }
            StateProj::Running { inner, admitted, classifier } => {
                let watch = OnPanic(admitted);
                let polled = match inner.poll(cx) {
                    // Taken apart: mostly a response is smaller than the outcome that has room for it, and moved faster.
                    Poll::Ready(Ok(response)) => {
                        let outcome = Ok(response);
                        watch.0.conclude(classifier, &outcome);
                        Poll::Ready(outcome)
                    }
                    Poll::Ready(outcome) => {
                        watch.0.conclude(classifier, &outcome);
                        Poll::Ready(outcome)
                    }
                    Poll::Pending => {
                        watch.0.wait();
                        Poll::Pending
                    }
                };
                mem::forget(watch);
                polled
            }
        }
    }
}

/// Records a panic of the inner future where it happens, even if somebody further out catches it and keeps the future.
struct OnPanic<'f>(&'f mut Admitted<Breaker>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        self.0.panicked();
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Rejected { .. } => "rejected",
            State::Running { admitted, .. } if admitted.is_settled() => "done",
            State::Running { .. } => "running",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
