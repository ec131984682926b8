//! `ResponseFuture`: a call that is logged when it ends, however it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_error::Classifier;
use pin_project_lite::pin_project;

use crate::call::logged_call::LoggedCall;

pin_project! {
    /// The future of [`LogService`](crate::LogService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        // An option, so that it can be dropped in the context of the call, before the end is logged.
        #[pin]
        inner: Option<F>,
        // `None` once the end has been logged.
        call: Option<LoggedCall<C>>,
    }

    impl<F, C> PinnedDrop for ResponseFuture<F, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            LoggedCall::run(this.call, || this.inner.set(None));
            if let Some(call) = this.call.take() {
                call.cancel();
            }
        }
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) const fn new(inner: F, call: Option<LoggedCall<C>>) -> Self {
        Self { inner: Some(inner), call }
    }
}

impl<F, C, Res, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Res, E>>,
    C: Classifier<Res, E>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let outcome = ready!(LoggedCall::run(this.call, || {
            let inner = this.inner.as_mut().as_pin_mut().expect("polled after completion");
            let outcome = ready!(inner.poll(cx));
            this.inner.set(None);
            Poll::Ready(outcome)
        }));
        LoggedCall::finish(this.call, &outcome);
        Poll::Ready(outcome)
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("ended", &self.call.is_none()).finish_non_exhaustive()
    }
}
