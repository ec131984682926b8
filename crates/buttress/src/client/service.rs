//! `Client`: the ready-made stack around an HTTP client.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use buttress_breaker::Breaker;
use buttress_error::{BoxError, ByKind, Error};
use buttress_http::{
    AtBodyEnd, BearerService, Body, FromHttp, HttpService, IdempotencyKeyLayer, IntoHttp, IntoRequest,
    ResponseHead, at_body_end,
};
use buttress_log::LogService;
use buttress_timeout::DeadlineService;
use http::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::explain::Explain;
use super::send::SendFuture;
use super::stack::{ClientLayer, Logged, Stack, Timed};
use super::wait_ready::WaitReady;

/// The ready-made stack around an HTTP client: a tower service, and [`send`](Self::send) for everyday use.
///
/// It owns the circuit, the retry budget and the connections of all calls, so create it once, when the program starts.
/// Clones are cheap and share everything. `S` is the HTTP client and `R` its request type: over reqwest the full type is
/// `Client<reqwest::Client, reqwest::Request>`.
///
/// ```
/// # #[cfg(feature = "reqwest")] {
/// struct Payments {
///     client: buttress::Client<reqwest::Client, reqwest::Request>,
/// }
///
/// let payments = Payments { client: buttress::Client::new("payments", reqwest::Client::new()) };
/// # let _ = payments.client;
/// # }
/// ```
pub struct Client<S, R> {
    pub(super) stack: Whole<S, R>,
    pub(super) layer: ClientLayer,
}

/// The layers from the breaker inward judge an HTTP response, perhaps at the end of its body.
type HttpClient<S, R> = BearerService<HttpService<S, R>>;

/// The whole stack around an HTTP client.
type Whole<S, R> = Stack<HttpClient<S, R>, AtBodyEnd>;

/// The stack that `send` calls: it has completed the context itself.
pub(super) type HttpStack<S, R> = Logged<HttpClient<S, R>, AtBodyEnd>;

/// The stack that `send` calls if the client is not ready: the wait is part of the call.
pub(super) type WaitingStack<S, R> =
    LogService<DeadlineService<WaitReady<Timed<HttpClient<S, R>, AtBodyEnd>>>, ByKind>;

impl<S, R> Client<S, R> {
    /// Describes the stack: the order of its layers, the worst case, and warnings.
    #[must_use]
    pub const fn explain(&self) -> Explain<'_> {
        Explain::new(&self.layer)
    }

    /// Returns the circuit breaker, for its state and for manual control.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        self.layer.breaker()
    }
}

impl ClientLayer {
    /// Builds the stack around an HTTP client.
    pub(super) fn client<S: Clone, R>(self, inner: S) -> Client<S, R> {
        let stack = self.stack(self.settings.http_client(inner), at_body_end(ByKind));
        Client { stack, layer: self }
    }
}

impl<S, R> Client<S, R>
where
    R: FromHttp,
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    S::Response: ResponseHead + IntoHttp,
{
    /// Creates the stack with its defaults around an HTTP client: `reqwest::Client` (feature `reqwest`), or any service of
    /// `http::Request<Body>`. [`client`](crate::client()) creates one with other settings.
    ///
    /// ```
    /// use buttress::{Body, Client};
    /// use http::{Request, Response};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let http = tower::service_fn(|_: Request<Body>| async { Ok::<_, std::io::Error>(Response::new(Body::empty())) });
    /// // Once, when the program starts: it owns the circuit and the retry budget of all calls.
    /// let payments = Client::new("payments", http); // with feature `reqwest`: `reqwest::Client::new()`
    ///
    /// let reply = payments.send(Request::get("http://payments.internal/orders/7").body("")?).await?; // for each call
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, inner: S) -> Self {
        ClientLayer::new(name).client(inner)
    }

    /// Sends a request: any `http::Request`, or reqwest's request or builder (feature `reqwest`).
    ///
    /// The deadline includes the wait for a client that is not ready. In the tower service it starts with `call`.
    ///
    /// # Errors
    /// An [`Error`] for a request that cannot be built (of kind `InvalidArgument`), a refusal by a layer of the stack (with a
    /// [`Rejection`](crate::Rejection) inside), a failure of the client, or a bad status. Its attribute `request_id` is that
    /// of the call's log lines.
    ///
    /// # Cancel safety
    /// Dropping the future releases everything that was reserved for the call.
    pub fn send(&self, request: impl IntoRequest) -> impl Future<Output = Result<S::Response, Error>> {
        SendFuture::new(self, request.into_request())
    }
}

/// Calls `service`, which is ready, with an idempotency key if the settings ask for one.
pub(super) fn call_with_key<S>(layer: &ClientLayer, mut service: S, request: Request<Body>) -> S::Future
where
    S: Service<Request<Body>>,
{
    if layer.settings.idempotency_keys {
        IdempotencyKeyLayer::new().layer(service).call(request)
    } else {
        service.call(request)
    }
}

impl<S, R> Service<Request<Body>> for Client<S, R>
where
    R: FromHttp,
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    S::Response: ResponseHead + IntoHttp,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<<Whole<S, R> as Service<Request<Body>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ResponseFuture { inner: call_with_key(&self.layer, &mut self.stack, request) }
    }
}

impl<S: Clone, R> Clone for Client<S, R> {
    fn clone(&self) -> Self {
        Self { stack: self.stack.clone(), layer: self.layer.clone() }
    }
}

impl<S, R> fmt::Debug for Client<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.layer).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Client`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(cx)
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
