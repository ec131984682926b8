//! `HttpLayer`: makes one error type of the errors and bad statuses of an HTTP client.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::handle::ServiceHandle;
use tower_layer::Layer;

use super::service::HttpService;
use super::settings::{OnBadStatus, Settings};
use crate::classify::{ByStatus, http_classifier};
use crate::headers::Outgoing;
use crate::origin::{InvalidOrigin, Origin};

/// The bottom of a client stack: above it requests are `http::Request<Body>` and every failure is an
/// [`Error`](buttress_error::Error), whatever the client is.
///
/// * A good response keeps the client's own type: `reply.json().await` still works over reqwest.
/// * A bad status becomes an error of its kind, with [the response inside](crate::BadStatus), so that every layer above can
///   handle it without configuration. ([`pass_bad_statuses`](Self::pass_bad_statuses) is for gateways.)
/// * An error of the client becomes an `Error` that names the reason: `payments: connection refused`. URLs in it lose
///   user-info and query.
/// * Every error has a note with the request that failed, such as `GET http://localhost/orders/7`, without user-info and
///   query. The error of a bad status has a second note with the beginning of the response, if it is text.
/// * The request carries its context: the request id and a new span of the trace. The deadline goes only to
///   [the origins that are listed](Self::send_deadline_to). A header that the caller has set stays.
///
/// It works over `reqwest::Client` (feature `reqwest`), and over any service of `http::Request<Body>`. `R` is the client's
/// request type and is inferred.
///
/// ```
/// use buttress_error::Kind;
/// use buttress_http::{BadStatus, Body, HttpLayer};
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = service_fn(|_: Request<Body>| async {
///     Response::builder().status(404).body(Body::from("no such order"))
/// });
/// let client = HttpLayer::new("orders").layer(mock);
///
/// let error = client.oneshot(Request::get("http://localhost/orders/7").body(Body::empty())?).await.unwrap_err();
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.to_string(), "orders: 404 Not Found");
/// assert_eq!(error.find::<BadStatus>().unwrap().body(), "no such order");
/// # Ok(()) }
/// ```
///
/// # Redirects
///
/// reqwest follows redirects below this layer, and sends the headers of the context to other origins too. Build the client
/// with `buttress_http::same_origin()` to refuse such redirects.
///
/// # reqwest's own retries
///
/// reqwest retries a request whose HTTP/2 stream was refused twice, outside every policy and budget. Build the client with
/// `.retry(reqwest::retry::never())` to leave retries to the layers above.
pub struct HttpLayer<R> {
    settings: Arc<Settings>,
    request: PhantomData<fn(R)>,
}

impl<R> HttpLayer<R> {
    /// The default for the number of bytes of a bad response's body that are kept: 8 KiB.
    pub const ERROR_BODY_LIMIT: usize = 8 * 1024;

    /// The default for the time in which a bad response's body is read: 500 ms.
    pub const ERROR_BODY_TIMEOUT: Duration = Duration::from_millis(500);

    /// Creates a layer for calls of the service `name`, which is part of its errors.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let settings = Settings {
            name: name.into(),
            classifier: http_classifier(),
            on_bad_status: OnBadStatus::Error {
                max_bytes: Self::ERROR_BODY_LIMIT,
                limit: Self::ERROR_BODY_TIMEOUT,
            },
            outgoing: Outgoing::default(),
            idle_timeout: None,
            judge_at_body_end: false,
        };
        Self { settings: Arc::new(settings), request: PhantomData }
    }

    fn edit(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// Sets the classifier of responses. Default: [`http_classifier()`].
    #[must_use]
    pub fn classifier(self, classifier: ByStatus) -> Self {
        self.edit(|settings| settings.classifier = classifier)
    }

    /// Sets how much of a bad response's body the error contains: at most `max_bytes` of what arrives within `limit`. With
    /// zero bytes the body is not read. Default: 8 KiB and 500 ms.
    ///
    /// The retry layer above waits for the body, so keep the time short. It is at most half of the time that the deadline
    /// leaves. A timeout or deadline layer of `buttress-timeout` around this one ends the reading early and keeps the status.
    /// Any other timeout, such as `tokio::time::timeout`, drops the call and loses the status: keep `limit` well below it.
    #[must_use]
    pub fn error_body(self, max_bytes: usize, limit: Duration) -> Self {
        self.edit(|settings| settings.on_bad_status = OnBadStatus::Error { max_bytes, limit })
    }

    /// Sets the time that the next frame of a good response's body may take; then the body fails with
    /// [`Kind::Timeout`](buttress_error::Kind::Timeout). Default: no limit except the deadline of the call.
    ///
    /// With zero, every frame must be ready when it is polled. [`GuardedBody`](crate::GuardedBody) describes the details, and
    /// [`IntoHttp::guarded`](crate::IntoHttp::guarded) the clients for which this works.
    #[must_use]
    pub fn idle_timeout(self, limit: Duration) -> Self {
        self.edit(|settings| settings.idle_timeout = Some(limit))
    }

    /// Lets layers above judge a call by the end of its body, for streams whose head says little. A body that breaks off, is
    /// cut by the [idle timeout](Self::idle_timeout), or in gRPC ends without a good `grpc-status`, is then a failure for a
    /// circuit breaker whose classifier is [`at_body_end`](crate::at_body_end). It is not retried. Default: the head decides.
    ///
    /// This is for callers that read bodies to their end. A body that is dropped earlier is neither a success nor a failure,
    /// so a half-open circuit keeps waiting for a success.
    #[must_use]
    pub fn judge_at_body_end(self) -> Self {
        self.edit(|settings| settings.judge_at_body_end = true)
    }

    /// Returns responses with a bad status instead of errors, for gateways. Every layer above then needs
    /// [`http_classifier()`] as its classifier: otherwise a 503 is a success, and is neither retried nor counted.
    #[must_use]
    pub fn pass_bad_statuses(self) -> Self {
        self.edit(|settings| settings.on_bad_status = OnBadStatus::Pass)
    }

    /// Sends the number of the attempt in the header [`ATTEMPT`](crate::ATTEMPT), so that the metrics of a server can
    /// distinguish retries from first attempts. Default: it is not sent.
    #[must_use]
    pub fn send_attempt(self) -> Self {
        self.edit(|settings| settings.outgoing.attempt = true)
    }

    /// Sends the deadline in the header [`DEADLINE`](crate::DEADLINE) or that of [gRPC](crate::GrpcTimeout), to this origin, such as
    /// `https://api.example.com` or `http://127.0.0.1:8080`. Default: to none.
    ///
    /// A gRPC call whose deadline has passed, which that header cannot express, is refused with
    /// [`Kind::DeadlineExceeded`](buttress_error::Kind::DeadlineExceeded) and not sent.
    ///
    /// # Errors
    /// [`InvalidOrigin`] if the text is not a scheme (`http` or `https`), a host and an optional port.
    pub fn send_deadline_to(self, origin: &str) -> Result<Self, InvalidOrigin> {
        let origin = Origin::parse("send_deadline_to", origin)?;
        Ok(self.edit(|settings| settings.outgoing.deadline_to.push(origin)))
    }
}

impl<S, R> Layer<S> for HttpLayer<R> {
    type Service = HttpService<S, R>;

    fn layer(&self, inner: S) -> HttpService<S, R> {
        HttpService::new(inner, ServiceHandle::new(Arc::clone(&self.settings).into()))
    }
}

impl<R> Clone for HttpLayer<R> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), request: PhantomData }
    }
}

impl<R> fmt::Debug for HttpLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer").field("settings", &self.settings).finish()
    }
}
