use std::sync::Arc;

use tower_layer::Layer;

use super::{Bearer, BearerService};
use crate::InvalidOrigin;
use crate::origin::Origin;

/// Puts the token of the moment on each request to one origin: `Authorization: Bearer …`
/// ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
///
/// Below the retry, so that a repeated request carries the token that was refreshed in between; above
/// [`HttpLayer`](crate::HttpLayer). Requests to other origins don't get it, whatever the client is asked to send, and a
/// request that has the header keeps its own. Allocates nothing but the header's place in the request.
///
/// Redirects are followed by the client, below this layer. reqwest takes the token off at the hop to another host or port,
/// but (as of 0.13.5) puts it on again if it is sent on from there: build it with `buttress_http::same_origin()`.
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_http::{Bearer, BearerLayer, Body, HttpLayer};
/// use buttress_retry::{Policy, RetryLayer, on};
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn fetch_token() -> Result<String, Error> {
///     Ok("mF_9.B5f-4.1JqM".to_owned())
/// }
///
/// let token = Bearer::new();
/// let client = ServiceBuilder::new()
///     .layer(RetryLayer::new(Policy::default()).remedy(on(Kind::Unauthenticated), token.clone(), |token| async move {
///         token.set(&fetch_token().await?)
///     }))
///     .layer(BearerLayer::new(&token, "https://api.example.com")?)
///     .layer(HttpLayer::new("orders"))
///     .service(service_fn(|request: Request<Body>| async move {
///         let known = request.headers().get("authorization").is_some_and(|token| token == "Bearer mF_9.B5f-4.1JqM");
///         Response::builder().status(if known { 200 } else { 401 }).body(Body::empty())
///     }));
///
/// let reply = client.oneshot(Request::get("https://api.example.com/orders").body(Body::empty())?).await?;
/// assert_eq!(reply.status(), 200);
/// # Ok(()) }
/// ```
///
/// The default has no origin, and does nothing.
#[derive(Clone, Debug, Default)]
pub struct BearerLayer {
    token: Bearer,
    origins: Arc<Vec<Origin>>,
}

impl BearerLayer {
    /// The token goes to this origin, such as `https://api.example.com` or `http://127.0.0.1:8080`, and to no other.
    ///
    /// # Errors
    /// [`InvalidOrigin`] if it has no `http` or `https`, no host, or more than these and a port.
    pub fn new(token: &Bearer, origin: &str) -> Result<Self, InvalidOrigin> {
        Self { token: token.clone(), origins: Arc::default() }.origin(origin)
    }

    /// The token goes to this origin as well.
    ///
    /// # Errors
    /// [`InvalidOrigin`] as for [`new`](Self::new).
    pub fn origin(mut self, origin: &str) -> Result<Self, InvalidOrigin> {
        let origin = Origin::parse("origin", origin)?;
        Arc::make_mut(&mut self.origins).push(origin);
        Ok(self)
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> BearerService<S> {
        BearerService::new(inner, self.token.clone(), Arc::clone(&self.origins))
    }
}
