use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use buttress_error::handle::{Handle, ServiceHandle};
use buttress_error::{BoxError, Error};
use http::Request;
use tower_service::Service;

use super::request_line::RequestLine;
use super::response_future::ResponseFuture;
use super::settings::Settings;
use crate::body::Body;
use crate::classify::RequestTraits;
use crate::client::{FromHttp, IntoHttp, ResponseHead};
use crate::headers::{DeadlineExceeded, content_length};

/// The service of [`HttpLayer`](crate::HttpLayer).
pub struct HttpService<S, R> {
    inner: S,
    settings: ServiceHandle<Handle<Settings>>,
    request: PhantomData<fn(R)>,
}

impl<S, R> HttpService<S, R> {
    pub(super) const fn new(inner: S, settings: ServiceHandle<Handle<Settings>>) -> Self {
        Self { inner, settings, request: PhantomData }
    }

    /// Returns a reference to the client.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the client.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps the client.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<Request<Body>> for HttpService<S, R>
where
    R: FromHttp,
    S: Service<R>,
    S::Error: Into<BoxError>,
    S::Response: ResponseHead + IntoHttp,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future, <S::Response as IntoHttp>::Body>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.settings.translate(error.into()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let traits = RequestTraits::of(request.headers());
        let request_line = RequestLine::new(request.method(), request.uri());
        let is_stream = request.body().as_bytes().is_none();
        let length = is_stream.then(|| content_length(request.headers())).flatten();
        let upload = request.body_mut().watch(length).map(Box::new);
        if let Err(DeadlineExceeded) = self.settings.outgoing.write(&mut request) {
            return ResponseFuture::refused(self.settings.deadline_exceeded(&request_line));
        }
        match R::from_http(request) {
            Ok(request) => ResponseFuture::calling(
                self.inner.call(request),
                request_line,
                traits,
                upload,
                self.settings.for_call(),
            ),
            Err(error) => ResponseFuture::refused(self.settings.failed(error.into(), None, &request_line)),
        }
    }
}

impl<S: Clone, R> Clone for HttpService<S, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.settings.clone())
    }
}

impl<S: fmt::Debug, R> fmt::Debug for HttpService<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("inner", &self.inner).field("settings", &self.settings).finish()
    }
}
