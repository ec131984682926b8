//! What an HTTP client has to be, so that [`HttpLayer`](crate::HttpLayer) fits over it.

#[cfg(feature = "reqwest")]
mod redirect;
#[cfg(feature = "reqwest")]
mod reqwest;

use buttress_error::Error;
use http::{HeaderMap, Request, Response, StatusCode};

use crate::Body;

#[cfg(feature = "reqwest")]
pub use redirect::{CrossOriginRedirect, same_origin};

/// A client's own request type.
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
pub trait Head {
    /// The status.
    fn status(&self) -> StatusCode;

    /// The headers.
    fn headers(&self) -> &HeaderMap;
}

impl<B> Head for Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}

/// A client's own response type, taken apart when its status is bad.
pub trait IntoHttp {
    /// The body.
    type Body: http_body::Body;

    /// The same answer.
    fn into_http(self) -> Response<Self::Body>;
}

impl<B: http_body::Body> IntoHttp for Response<B> {
    type Body = B;

    fn into_http(self) -> Self {
        self
    }
}
