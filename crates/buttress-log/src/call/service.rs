//! `LogService`: begins the log of each call.

use std::fmt;
use std::task::{Context, Poll};

use buttress_error::Classifier;
use buttress_error::handle::{Handle, ServiceHandle};
use tower_service::Service;

use crate::call::future::ResponseFuture;
use crate::call::layer::Settings;
use crate::call::logged_call::LoggedCall;
use crate::call::waiting::Waiting;

/// The service of [`LogLayer`](crate::LogLayer).
pub struct LogService<S, C> {
    inner: S,
    waiting: Waiting<C>,
}

impl<S, C> LogService<S, C> {
    pub(super) const fn new(inner: S, settings: Handle<Settings<C>>) -> Self {
        Self { inner, waiting: Waiting::new(ServiceHandle::new(settings)) }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service. A call that waits for its readiness goes on without this one, and is not logged.
    pub fn into_inner(mut self) -> S {
        self.waiting.end();
        self.inner
    }
}

impl<Req, S, C> Service<Req> for LogService<S, C>
where
    S: Service<Req>,
    C: Classifier<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let waiting = &mut self.waiting;
        // A panic ends the wait.
        let since = waiting.end();
        match LoggedCall::poll_ready(&waiting.settings, since, || self.inner.poll_ready(cx)) {
            Poll::Pending => {
                waiting.wait(since);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(
                LoggedCall::failed_ready::<S::Response, _>(&waiting.settings, since, error).map(drop),
            ),
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.waiting.end();
        let mut call = Some(LoggedCall::start(self.waiting.settings.for_call()));
        let inner = LoggedCall::run(&mut call, || self.inner.call(request));
        ResponseFuture::new(inner, call)
    }
}

/// The clone shares the settings of the layer. Its inner service must become ready by itself, so a wait is not cloned.
impl<S: Clone, C> Clone for LogService<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), waiting: self.waiting.clone() }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for LogService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogService")
            .field("inner", &self.inner)
            .field("layer", &**self.waiting.settings)
            .finish()
    }
}
