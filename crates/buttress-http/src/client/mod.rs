//! The traits of an HTTP client under [`HttpLayer`](crate::HttpLayer).

#[cfg(feature = "reqwest")]
mod redirect;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::any::Any;
use std::mem;

use buttress_error::Error;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};

use crate::body::Body;
use crate::guard::BodyGuard;

#[cfg(feature = "reqwest")]
pub use redirect::{CrossOriginRedirect, same_origin};

/// The request type of a client.
#[diagnostic::on_unimplemented(
    message = "an `http::Request` cannot be converted into `{Self}`, the request type of this client",
    label = "not a supported HTTP client",
    note = "for `reqwest::Client` enable the feature `reqwest` of this crate or of `buttress`",
    note = "otherwise use a `tower::Service<http::Request<Body>>`, or implement `FromHttp` for `{Self}`"
)]
pub trait FromHttp: Sized {
    /// Converts a request.
    ///
    /// # Errors
    /// [`Kind::InvalidArgument`](buttress_error::Kind::InvalidArgument), not processed, if the client cannot express the
    /// request, for example because it has no host.
    fn from_http(request: Request<Body>) -> Result<Self, Error>;
}

/// For mocks, and for clients of `http` types.
impl FromHttp for Request<Body> {
    fn from_http(request: Self) -> Result<Self, Error> {
        Ok(request)
    }
}

/// The head of a response, by which it is judged.
#[diagnostic::on_unimplemented(
    message = "Buttress cannot read status and headers of `{Self}`, the response type of this client",
    label = "not a supported HTTP response",
    note = "for `reqwest::Client` enable the feature `reqwest` of this crate or of `buttress`",
    note = "otherwise let the client return an `http::Response`, or implement `ResponseHead` and `IntoHttp` for `{Self}`"
)]
pub trait ResponseHead {
    /// Returns the status.
    fn status(&self) -> StatusCode;

    /// Returns the headers.
    fn headers(&self) -> &HeaderMap;

    /// Returns the headers to set [`SHOULD_RETRY`](crate::SHOULD_RETRY) in. Default: `None`, so that it is not set.
    fn headers_mut(&mut self) -> Option<&mut HeaderMap> {
        None
    }

    /// Returns the extensions. Default: `None`.
    fn extensions(&self) -> Option<&Extensions> {
        None
    }

    /// Returns the extensions for a layer to add to. Default: `None`.
    fn extensions_mut(&mut self) -> Option<&mut Extensions> {
        None
    }
}

impl<B> ResponseHead for Response<B> {
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

/// The response type of a client, which is converted when its status is bad.
#[diagnostic::on_unimplemented(
    message = "`{Self}`, the response type of this client, cannot be converted into an `http::Response`",
    label = "not a supported HTTP response",
    note = "for `reqwest::Client` enable the feature `reqwest` of this crate or of `buttress`",
    note = "otherwise let the client return an `http::Response`, or implement `ResponseHead` and `IntoHttp` for `{Self}`"
)]
pub trait IntoHttp: Sized {
    /// The type of the body.
    type Body: http_body::Body;

    /// Converts the response.
    fn into_http(self) -> Response<Self::Body>;

    /// Guards the body if `guard` returns a guard. Default: returns the response unchanged, for types whose body cannot be
    /// replaced.
    #[must_use]
    fn guarded(self, guard: impl FnOnce() -> Option<BodyGuard>) -> Self {
        let _ = guard;
        self
    }
}

/// The body is guarded if `B` is [`Body`]; a body of any other type cannot be wrapped in its own type.
impl<B: http_body::Body + 'static> IntoHttp for Response<B> {
    type Body = B;

    fn into_http(self) -> Self {
        self
    }

    fn guarded(mut self, guard: impl FnOnce() -> Option<BodyGuard>) -> Self {
        // Bytes have arrived already.
        let streams = own_body(self.body_mut()).is_some_and(|body| body.as_bytes().is_none());
        let Some(guard) = streams.then(guard).flatten() else { return self };
        let body = own_body(self.body_mut()).map(mem::take).unwrap_or_default();
        let (head, empty) = self.into_parts();
        let (head, body) = guard.guard(Response::from_parts(head, body)).into_parts();
        let mut response = Self::from_parts(head, empty);
        if let Some(slot) = own_body(response.body_mut()) {
            *slot = Body::streaming(body).replay_buffer(0);
        }
        response
    }
}

fn own_body<B: 'static>(body: &mut B) -> Option<&mut Body> {
    (body as &mut dyn Any).downcast_mut()
}
