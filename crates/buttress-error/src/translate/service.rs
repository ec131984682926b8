use std::fmt;
use std::task::{Context, Poll};

use tower_service::Service;

use super::{ResponseFuture, Translate};
use crate::handle::ServiceHandle;

/// The service of [`TranslateLayer`](super::TranslateLayer).
#[derive(Clone)]
pub struct TranslateService<S, T> {
    inner: S,
    translate: ServiceHandle<T>,
}

impl<S, T: Clone> TranslateService<S, T> {
    pub(super) const fn new(inner: S, translate: T) -> Self {
        Self { inner, translate: ServiceHandle::new(translate) }
    }
}

impl<S, T> TranslateService<S, T> {
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

impl<S: fmt::Debug, T> fmt::Debug for TranslateService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranslateService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<Req, S, T> Service<Req> for TranslateService<S, T>
where
    S: Service<Req>,
    T: Translate<S::Error> + Clone,
{
    type Response = S::Response;
    type Error = T::Out;
    type Future = ResponseFuture<S::Future, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.translate.translate(error))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture::new(self.inner.call(request), self.translate.for_call_with(T::with_own_count))
    }
}
