use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use buttress_error::handle::{Handle, ServiceHandle};
use buttress_error::{BoxError, Error};
use http::Request;
use tower_service::Service;

use super::ResponseFuture;
use super::asked::Asked;
use super::settings::Settings;
use crate::headers::{self, Late};
use crate::{Body, FromHttp, IntoHttp, ResponseHead};

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

    /// The client.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The client.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The client.
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
        let classifier = self.settings.classifier.for_request(request.headers());
        let asked = Asked::new(request.method(), request.uri());
        let is_stream = request.body().as_bytes().is_none();
        let length = is_stream.then(|| headers::content_length(request.headers())).flatten();
        let upload = request.body_mut().watch(length);
        if let Err(Late) = self.settings.outgoing.write(&mut request) {
            return ResponseFuture::refused(self.settings.late(&asked));
        }
        match R::from_http(request) {
            Ok(request) => ResponseFuture::calling(
                self.inner.call(request),
                classifier,
                asked,
                upload,
                self.settings.for_call(),
            ),
            Err(error) => ResponseFuture::refused(self.settings.failed(error.into(), None, &asked)),
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
        f.debug_struct("Http").field("inner", &self.inner).field("settings", &self.settings).finish()
    }
}
