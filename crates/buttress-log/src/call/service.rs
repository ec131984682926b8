//! `LogService`: begins the log of each call.

use std::fmt;
use std::task::{Context, Poll};

use buttress_error::Classifier;
use buttress_error::handle::{Handle, ServiceHandle};
use tokio::time::Instant;
use tower_service::Service;

use crate::call::future::ResponseFuture;
use crate::call::layer::Settings;
use crate::call::logged_call::{LoggedCall, now_if_logging};

/// The service of [`LogLayer`](crate::LogLayer).
pub struct LogService<S, C> {
    inner: S,
    settings: ServiceHandle<Handle<Settings<C>>>,
    /// When the inner service first was not ready; `None` while it is ready.
    waiting_since: Option<Instant>,
}

impl<S, C> LogService<S, C> {
    pub(super) const fn new(inner: S, settings: Handle<Settings<C>>) -> Self {
        Self { inner, settings: ServiceHandle::new(settings), waiting_since: None }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
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
        let ready = LoggedCall::poll_ready(&self.settings, self.waiting_since, || self.inner.poll_ready(cx));
        match ready {
            Poll::Pending => {
                self.waiting_since = self.waiting_since.or_else(now_if_logging);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                self.waiting_since = None;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                let since = self.waiting_since.take();
                Poll::Ready(
                    LoggedCall::failed_ready::<S::Response, _>(&self.settings, since, error).map(drop),
                )
            }
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.waiting_since = None;
        let mut call = Some(LoggedCall::start(self.settings.for_call()));
        let inner = LoggedCall::run(&mut call, || self.inner.call(request));
        ResponseFuture::new(inner, call)
    }
}

/// The clone shares the settings of the layer. Its inner service must become ready by itself, so a wait is not cloned.
impl<S: Clone, C> Clone for LogService<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: self.settings.clone(), waiting_since: None }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for LogService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogService").field("inner", &self.inner).field("layer", &**self.settings).finish()
    }
}
