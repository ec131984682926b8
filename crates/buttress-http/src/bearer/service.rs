use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use http::header::AUTHORIZATION;
use tower_service::Service;

use super::token::Bearer;
use crate::headers::insert_if_absent;
use crate::origin::Origin;

/// The service of [`BearerLayer`](crate::BearerLayer).
#[derive(Clone, Debug)]
pub struct BearerService<S> {
    inner: S,
    token: Bearer,
    origins: Arc<Vec<Origin>>,
}

impl<S> BearerService<S> {
    pub(super) const fn new(inner: S, token: Bearer, origins: Arc<Vec<Origin>>) -> Self {
        Self { inner, token, origins }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for BearerService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if self.origins.iter().any(|origin| origin.is_of(request.uri())) {
            insert_if_absent(&mut request, AUTHORIZATION, || self.token.header());
        }
        self.inner.call(request)
    }
}
