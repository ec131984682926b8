//! reqwest's types.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use buttress_error::Error;
use http::{Extensions, HeaderMap, StatusCode};
use http_body::Body as _;
use reqwest::{Request, RequestBuilder, Response, ResponseBuilderExt};

use super::{FromHttp, IntoHttp, ResponseHead};
use crate::{Body, BodyGuard, IntoRequest, translate};

/// Our own line is no place to look at.
fn unfit(error: reqwest::Error) -> Error {
    translate(error).without_location()
}

impl FromHttp for Request {
    fn from_http(request: http::Request<Body>) -> Result<Self, Error> {
        Self::try_from(request).map_err(unfit)
    }
}

/// Bytes stay bytes, so that reqwest can send them again to where a redirect points.
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
        // Bytes come as one frame, at once.
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
            Err(error) => Err(unfit(error)),
        }
    }
}

impl IntoRequest for RequestBuilder {
    fn into_request(self) -> Result<http::Request<Body>, Error> {
        self.build().map_err(unfit)?.into_request()
    }
}

/// reqwest loses the URL on the way to `http` and back.
fn with_url(mut answer: http::Response<reqwest::Body>, url: reqwest::Url) -> Response {
    if let Ok(place) = http::Response::builder().url(url).body(()) {
        answer.extensions_mut().extend(place.into_parts().0.extensions);
    }
    answer.into()
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
