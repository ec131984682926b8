use std::sync::Arc;

use tower_layer::Layer;

use super::service::BearerService;
use super::token::Bearer;
use crate::origin::{InvalidOrigin, Origin};

/// Sets the current token on each request to one origin: `Authorization: Bearer …`
/// ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
///
/// It belongs inside the retry layer, so that a retry has the token that was refreshed in between, and outside
/// [`HttpLayer`](crate::HttpLayer). Requests to other origins don't get the token, and a request that has the header keeps
/// its own. The only allocation is the entry in the request's headers.
///
/// The client follows redirects below this layer. reqwest removes the token when it follows one to another host or port, but
/// (as of 0.13.5) sets it again if that host redirects once more: build the client with `buttress_http::same_origin()`.
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
/// The default has no origin and does nothing.
#[derive(Clone, Debug, Default)]
pub struct BearerLayer {
    token: Bearer,
    origins: Arc<Vec<Origin>>,
}

impl BearerLayer {
    /// Creates a layer that sends the token to this origin only, such as `https://api.example.com` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`InvalidOrigin`] if the text is not a scheme (`http` or `https`), a host and an optional port.
    pub fn new(token: &Bearer, origin: &str) -> Result<Self, InvalidOrigin> {
        Self { token: token.clone(), origins: Arc::default() }.origin(origin)
    }

    /// Sends the token to this origin as well.
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
