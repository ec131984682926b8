use tower_layer::Layer;

use super::service::IdempotencyKeyService;

/// Gives each request whose method is not idempotent a new `Idempotency-Key`
/// ([draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)), so that it can be retried.
///
/// It belongs outside the retry layer, so that all attempts have the same key. A request that has a key keeps it. The key is a
/// plain UUID, which servers expect today; the draft puts it into quotes.
///
/// It is only for servers that honour the header: any other server processes a retried POST twice. A second call gets a new
/// key, so a caller must not repeat a call whose error has [`Delivery::Unknown`](buttress_error::Delivery); the retry layer has
/// retried it with the first key as often as its policy allows. A key that must outlive the call has to come from the
/// caller's own data.
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_http::{Body, IdempotencyKeyLayer};
/// use buttress_retry::{Policy, RetryLayer};
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = std::sync::Mutex::new(Vec::new());
/// let client = ServiceBuilder::new()
///     .layer(IdempotencyKeyLayer::new())
///     .layer(RetryLayer::new(Policy::default()))
///     .service(service_fn(|request: Request<Body>| {
///         keys.lock().unwrap().push(request.headers()["idempotency-key"].clone());
///         async { Err::<Response<Body>, _>(Error::new(Kind::Unavailable, "down")) }
///     }));
///
/// let charge = Request::post("https://api.example.com/charges").body(Body::empty())?;
/// assert!(client.oneshot(charge).await.is_err());
/// let keys = keys.into_inner()?;
/// assert!(keys.len() == 4 && keys.iter().all(|key| *key == keys[0]));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct IdempotencyKeyLayer;

impl IdempotencyKeyLayer {
    /// Creates the layer, which has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for IdempotencyKeyLayer {
    type Service = IdempotencyKeyService<S>;

    fn layer(&self, inner: S) -> IdempotencyKeyService<S> {
        IdempotencyKeyService::new(inner)
    }
}
