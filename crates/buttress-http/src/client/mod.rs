//! What an HTTP client has to be, so that [`HttpLayer`](crate::HttpLayer) fits over it.

#[cfg(feature = "reqwest")]
mod redirect;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::any::Any;
use std::mem;

use buttress_error::Error;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};

use crate::{Body, BodyGuard};

#[cfg(feature = "reqwest")]
pub use redirect::{CrossOriginRedirect, same_origin};

/// A client's own request type.
#[diagnostic::on_unimplemented(
    message = "an `http::Request` cannot be made a `{Self}`, the request type of this client",
    label = "no HTTP client that Buttress knows",
    note = "for `reqwest::Client` switch on the feature `reqwest` of this crate or of `buttress`",
    note = "else give `HttpLayer` a `tower::Service<http::Request<Body>>`, or implement `FromHttp` for `{Self}`"
)]
pub trait FromHttp: Sized {
    /// Makes one.
    ///
    /// # Errors
    /// [`Kind::InvalidArgument`](buttress_error::Kind::InvalidArgument), never sent, where the client cannot express
    /// the request, such as one without a host.
    fn from_http(request: Request<Body>) -> Result<Self, Error>;
}

/// For mocks, and for clients that take `http` types.
impl FromHttp for Request<Body> {
    fn from_http(request: Self) -> Result<Self, Error> {
        Ok(request)
    }
}

/// The head of an answer, by which it is judged.
#[diagnostic::on_unimplemented(
    message = "Buttress cannot read status and headers of `{Self}`, the response type of this client",
    label = "no HTTP response that Buttress knows",
    note = "for `reqwest::Client` switch on the feature `reqwest` of this crate or of `buttress`",
    note = "else let the client return an `http::Response`, or implement `ResponseHead` and `IntoHttp` for `{Self}`"
)]
pub trait ResponseHead {
    /// The status.
    fn status(&self) -> StatusCode;

    /// The headers.
    fn headers(&self) -> &HeaderMap;

    /// The headers, for a mark that goes on with the answer. Default: none can be left.
    fn headers_mut(&mut self) -> Option<&mut HeaderMap> {
        None
    }

    /// What lies beside the answer. Default: nothing.
    fn extensions(&self) -> Option<&Extensions> {
        None
    }

    /// The same, for what a layer leaves beside the answer. Default: nothing can be left.
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

/// A client's own response type, taken apart when its status is bad.
#[diagnostic::on_unimplemented(
    message = "a `{Self}`, the response type of this client, cannot be made an `http::Response`",
    label = "no HTTP response that Buttress knows",
    note = "for `reqwest::Client` switch on the feature `reqwest` of this crate or of `buttress`",
    note = "else let the client return an `http::Response`, or implement `ResponseHead` and `IntoHttp` for `{Self}`"
)]
pub trait IntoHttp: Sized {
    /// The body.
    type Body: http_body::Body;

    /// The same answer.
    fn into_http(self) -> Response<Self::Body>;

    /// The same answer, its body guarded where `guard` gives something to guard it with. Default: as it is, for types
    /// whose body can't be another.
    #[must_use]
    fn guarded(self, guard: impl FnOnce() -> Option<BodyGuard>) -> Self {
        let _ = guard;
        self
    }
}

/// Guarded where `B` is [`Body`]: any other type of body can't be wrapped in itself.
impl<B: http_body::Body + 'static> IntoHttp for Response<B> {
    type Body = B;

    fn into_http(self) -> Self {
        self
    }

    fn guarded(mut self, guard: impl FnOnce() -> Option<BodyGuard>) -> Self {
        // Bytes are there already.
        let streams = own_body(self.body_mut()).is_some_and(|body| body.as_bytes().is_none());
        let Some(guard) = streams.then(guard).flatten() else { return self };
        let body = own_body(self.body_mut()).map(mem::take).unwrap_or_default();
        let (head, empty) = self.into_parts();
        let (head, body) = guard.guard(Response::from_parts(head, body)).into_parts();
        let mut answer = Self::from_parts(head, empty);
        if let Some(place) = own_body(answer.body_mut()) {
            *place = Body::streaming(body).replay_buffer(0);
        }
        answer
    }
}

fn own_body<B: 'static>(body: &mut B) -> Option<&mut Body> {
    (body as &mut dyn Any).downcast_mut()
}
