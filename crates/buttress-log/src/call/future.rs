//! `ResponseFuture`: a call that is logged when it ends, whatever the end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_error::Classifier;
use pin_project_lite::pin_project;

use super::events::Call;

pin_project! {
    /// The future of [`LogService`](super::LogService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        // An option, so that it can be dropped inside the call's context, before the end is told.
        #[pin]
        inner: Option<F>,
        // None after the end was logged.
        call: Option<Call<C>>,
    }

    impl<F, C> PinnedDrop for ResponseFuture<F, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            Call::watch(this.call, || this.inner.set(None));
            if let Some(call) = this.call.take() {
                call.cancelled();
            }
        }
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) const fn new(inner: F, call: Option<Call<C>>) -> Self {
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
        let outcome = ready!(Call::watch(this.call, || {
            let inner = this.inner.as_mut().as_pin_mut().expect("polled after completion");
            let outcome = ready!(inner.poll(cx));
            this.inner.set(None);
            Poll::Ready(outcome)
        }));
        Call::ended(this.call, &outcome);
        Poll::Ready(outcome)
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("ended", &self.call.is_none()).finish_non_exhaustive()
    }
}
