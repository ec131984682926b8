//! `LogService`: begins to log a call.

use std::fmt;
use std::task::{Context, Poll};

use buttress_error::Classifier;
use tokio::time::Instant;
use tower_service::Service;

use super::events::{Call, clock};
use super::{LogLayer, ResponseFuture};

/// The service of [`LogLayer`].
pub struct LogService<S, C> {
    inner: S,
    layer: LogLayer<C>,
    /// When the inner service was first found not ready; none while it is.
    waiting_since: Option<Instant>,
}

impl<S, C> LogService<S, C> {
    pub(super) const fn new(inner: S, layer: LogLayer<C>) -> Self {
        Self { inner, layer, waiting_since: None }
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

impl<Req, S, C> Service<Req> for LogService<S, C>
where
    S: Service<Req>,
    C: Classifier<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = Call::watch_ready(&self.layer, self.waiting_since, || self.inner.poll_ready(cx));
        match ready {
            Poll::Pending => {
                self.waiting_since = self.waiting_since.or_else(clock);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                self.waiting_since = None;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                let since = self.waiting_since.take();
                Poll::Ready(Call::not_ready::<S::Response, _>(&self.layer, since, error).map(drop))
            }
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.waiting_since = None;
        let mut call = Some(Call::start(&self.layer));
        let inner = Call::watch(&mut call, || self.inner.call(request));
        ResponseFuture::new(inner, call)
    }
}

/// The clone logs as this one does. It waits by itself for its inner service to be ready.
impl<S: Clone, C> Clone for LogService<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.layer.clone())
    }
}

impl<S: fmt::Debug, C> fmt::Debug for LogService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
