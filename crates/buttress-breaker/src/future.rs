use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{self, Poll};

use buttress_context::Context;
use buttress_error::{Classifier, Kind, Rejection, Verdict};
use pin_project_lite::pin_project;

use crate::Permit;

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
            if let StateProj::Running { permit, .. } = this.project().state.project()
                && let Some(permit) = permit.take()
            {
                permit.abandon();
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, C> {
        // The circuit said no; the inner service was not called.
        Rejected { rejection: Option<Rejection> },
        Running { #[pin] inner: F, permit: Option<Permit>, classifier: C },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) const fn running(inner: F, permit: Permit, classifier: C) -> Self {
        Self { state: State::Running { inner, permit: Some(permit), classifier } }
    }

    pub(crate) const fn rejected(rejection: Rejection) -> Self {
        Self { state: State::Rejected { rejection: Some(rejection) } }
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
            StateProj::Rejected { rejection } => {
                Poll::Ready(Err(rejection.take().expect("polled after completion").into()))
            }
            StateProj::Running { inner, permit, classifier } => {
                let watch = DropOnPanic(permit);
                // Returned as it came: taken apart, a large outcome would be copied once more.
                let polled = inner.poll(cx);
                let Poll::Ready(outcome) = &polled else {
                    mem::forget(watch);
                    return polled;
                };
                let held = watch.0.take().expect("polled after completion");
                let verdict = classifier.judge(outcome);
                if cut_by_caller(&verdict) {
                    held.abandon();
                } else {
                    held.record_with(&verdict, || classifier.keep(outcome));
                }
                polled
            }
        }
    }
}

/// Drops the permit when the inner future panics, and so records the panic where it happens, even if somebody further
/// out catches it and keeps the future.
struct DropOnPanic<'f>(&'f mut Option<Permit>);

impl Drop for DropOnPanic<'_> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

/// A timeout at the moment when the caller's own deadline is over says no more about the dependency than a dropped
/// call: an inner attempt timeout is at most what the deadline leaves.
fn cut_by_caller(verdict: &Verdict) -> bool {
    let timed_out = matches!(verdict.class(), Some(class) if matches!(class.kind, Kind::Timeout | Kind::DeadlineExceeded));
    timed_out && Context::read(|cx| cx.deadline().remaining()).is_some_and(|left| left.is_zero())
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Rejected { .. } => "rejected",
            State::Running { permit: Some(_), .. } => "running",
            State::Running { permit: None, .. } => "done",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
