//! The conversions of reqwest's types.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use buttress_error::Error;
use http::{Extensions, HeaderMap, StatusCode};
use http_body::Body as _;
use reqwest::{Request, RequestBuilder, Response, ResponseBuilderExt};

use super::{FromHttp, IntoHttp, ResponseHead};
use crate::body::Body;
use crate::classify::translate;
use crate::guard::BodyGuard;
use crate::request::IntoRequest;

/// Makes an error without a location, which would be a line of this file.
fn conversion_error(error: reqwest::Error) -> Error {
    translate(error).without_location()
}

impl FromHttp for Request {
    fn from_http(request: http::Request<Body>) -> Result<Self, Error> {
        Self::try_from(request).map_err(conversion_error)
    }
}

/// Bytes stay bytes, so that reqwest can send them again after a redirect.
impl From<Body> for reqwest::Body {
    fn from(body: Body) -> Self {
        match body.as_bytes() {
            Some(bytes) => bytes.clone().into(),
            None => Self::wrap(body),
        }
    }
}

impl From<reqwest::Body> for Body {
    fn from(mut body: reqwest::Body) -> Self {
        if body.as_bytes().is_none() {
            return Self::streaming(body);
        }
        // A body of bytes is one frame, which is ready.
        match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default().into(),
            _ => Self::empty(),
        }
    }
}

impl IntoRequest for Request {
    fn into_request(self) -> Result<http::Request<Body>, Error> {
        match http::Request::<reqwest::Body>::try_from(self) {
            Ok(request) => Ok(request.map(Into::into)),
            Err(error) => Err(conversion_error(error)),
        }
    }
}

impl IntoRequest for RequestBuilder {
    fn into_request(self) -> Result<http::Request<Body>, Error> {
        self.build().map_err(conversion_error)?.into_request()
    }
}

/// Restores the URL, which a conversion to `http` and back loses.
fn with_url(mut response: http::Response<reqwest::Body>, url: reqwest::Url) -> Response {
    if let Ok(empty) = http::Response::builder().url(url).body(()) {
        response.extensions_mut().extend(empty.into_parts().0.extensions);
    }
    response.into()
}

impl ResponseHead for Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> Option<&mut HeaderMap> {
        Some(self.headers_mut())
    }

    fn extensions(&self) -> Option<&Extensions> {
        Some(self.extensions())
    }

    fn extensions_mut(&mut self) -> Option<&mut Extensions> {
        Some(self.extensions_mut())
    }
}

impl IntoHttp for Response {
    type Body = reqwest::Body;

    fn into_http(self) -> http::Response<reqwest::Body> {
        self.into()
    }

    fn guarded(self, guard: impl FnOnce() -> Option<BodyGuard>) -> Self {
        if self.content_length() == Some(0) {
            return self;
        }
        let Some(guard) = guard() else { return self };
        let url = self.url().clone();
        with_url(guard.guard(self.into_http()).map(reqwest::Body::wrap), url)
    }
}
