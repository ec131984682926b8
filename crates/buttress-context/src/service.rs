use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{ContextLayer, Frame, Scope};

/// The service of [`ContextLayer`](crate::ContextLayer).
#[derive(Clone, Copy, Debug)]
pub struct ContextService<S> {
    inner: S,
    settings: ContextLayer,
}

impl<S> ContextService<S> {
    pub(crate) const fn new(inner: S, settings: ContextLayer) -> Self {
        Self { inner, settings }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<Req, S: Service<Req>> Service<Req> for ContextService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let mut frame = Frame::new(self.settings.context());
        let future = {
            let _entered = frame.enter();
            self.inner.call(request)
        };
        ResponseFuture { scope: Scope::new(frame, future) }
    }
}

pin_project! {
    /// The future of [`ContextService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        scope: Scope<F>,
    }
}

impl<F: Future> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        self.project().scope.poll(cx)
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseFuture").field(&self.scope).finish()
    }
}
