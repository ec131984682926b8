//! `LogService`: begins to log a call.

use std::fmt;
use std::task::{Context, Poll};

use buttress_error::Classifier;
use tower_service::Service;

use super::events::Call;
use super::{LogLayer, ResponseFuture};

/// The service of [`LogLayer`].
#[derive(Clone)]
pub struct LogService<S, C> {
    inner: S,
    layer: LogLayer<C>,
}

impl<S, C> LogService<S, C> {
    pub(super) const fn new(inner: S, layer: LogLayer<C>) -> Self {
        Self { inner, layer }
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
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let mut call = Call::start(&self.layer);
        let inner = Call::watch(&mut call, || self.inner.call(request));
        ResponseFuture::new(inner, call)
    }
}

impl<S: fmt::Debug, C> fmt::Debug for LogService<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
