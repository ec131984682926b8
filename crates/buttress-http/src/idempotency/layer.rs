use tower_layer::Layer;

use super::IdempotencyKeyService;

/// Gives each request whose method is not idempotent a new `Idempotency-Key`
/// ([draft](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)), so that it may be repeated.
///
/// Above the retry, so that all attempts carry the same key; a request that has one keeps it. The key is a UUID as it
/// stands, which is what servers expect today, where the draft would put it into quotes.
///
/// Only for servers that honour the header: for any other this layer is a promise that nobody keeps, and a POST is done
/// twice. A caller who repeats the whole call gets a new key; where that must not happen the key has to come from the caller's
/// own data. So a caller does not repeat a call whose error says [`Delivery::Unknown`](buttress_error::Delivery): the retry
/// layer has asked with the first key as long as its policy allows, and never advises a new operation then.
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
    /// The layer; it has no settings.
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
