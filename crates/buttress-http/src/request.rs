//! `IntoRequest`: the requests that a client stack sends.

use buttress_error::Error;
use http::Request;

use crate::body::Body;

/// A conversion into the request of a client stack. It is implemented for `http::Request` if its body converts into
/// [`Body`], and with feature `reqwest` for reqwest's `Request` and `RequestBuilder`.
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
    message = "`{Self}` is not a request that can be sent",
    note = "send an `http::Request` whose body converts into `buttress_http::Body`, or with feature `reqwest` a request or request builder of reqwest"
)]
pub trait IntoRequest {
    /// Converts the value into a request.
    ///
    /// # Errors
    /// [`Kind::InvalidArgument`](buttress_error::Kind::InvalidArgument), not processed, if the builder has invalid parts.
    fn into_request(self) -> Result<Request<Body>, Error>;
}

impl<B: Into<Body>> IntoRequest for Request<B> {
    fn into_request(self) -> Result<Request<Body>, Error> {
        Ok(self.map(Into::into))
    }
}
