//! `IntoRequest`: whatever may be sent through a client stack.

use buttress_error::Error;
use http::Request;

use crate::Body;

/// A request in any form that a client stack takes: `http::Request` with anything that becomes a [`Body`], and with
/// feature `reqwest` its `Request` and its `RequestBuilder`.
///
/// ```
/// use buttress_error::Error;
/// use buttress_http::{Body, IntoRequest};
///
/// fn send(request: impl IntoRequest) -> Result<http::Request<Body>, Error> {
///     request.into_request()
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = send(http::Request::post("http://localhost/orders").body("42")?)?;
/// assert_eq!(request.body().as_bytes().unwrap(), "42");
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no request that can be sent",
    note = "an `http::Request` whose body converts into `buttress_http::Body` is one, and with feature `reqwest` what its builder makes"
)]
pub trait IntoRequest {
    /// The request.
    ///
    /// # Errors
    /// [`Kind::InvalidArgument`](buttress_error::Kind::InvalidArgument), never sent, where the builder was given
    /// something that makes no request.
    fn into_request(self) -> Result<Request<Body>, Error>;
}

impl<B: Into<Body>> IntoRequest for Request<B> {
    fn into_request(self) -> Result<Request<Body>, Error> {
        Ok(self.map(Into::into))
    }
}
