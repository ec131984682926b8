//! `HttpLayer`: errors and bad statuses of an HTTP client, made one error type.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::handle::ServiceHandle;
use tower_layer::Layer;

use super::HttpService;
use super::settings::{OnBadStatus, Settings};
use crate::headers::Outgoing;
use crate::origin::Origin;
use crate::{ByStatus, InvalidOrigin, http_classifier};

/// The bottom of a client stack: above it requests are `http::Request<Body>` and every failure is an
/// [`Error`](buttress_error::Error), whatever the client below.
///
/// * A good answer keeps the client's own type: `reply.json().await` still works over reqwest.
/// * A bad status becomes an error of its kind, with [the answer inside](crate::BadStatus), so that every layer above
///   does the right thing without a setting. ([`pass_bad_statuses`](Self::pass_bad_statuses) is for gateways.)
/// * The client's errors become ours, and say what went wrong: `payments: connection refused`. A URL in them loses
///   user-info and query.
/// * Every error has a note that says which request failed (`GET http://localhost/orders/7`, again without user-info and
///   query), and that of a bad status one with the first words of the answer, where it is text.
/// * The request takes its context along: request id and a new span of the trace; the deadline only to
///   [origins that are trusted](Self::send_deadline_to) with it. A header that the caller has set itself stays.
///
/// Works over `reqwest::Client` (feature `reqwest`), and over any service of `http::Request<Body>`. `R` is the client's
/// request type, and is inferred.
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
/// reqwest follows redirects below this layer, and would carry the headers of the context to another origin. Build the
/// client with `buttress_http::same_origin()` to refuse those.
///
/// # Retries of its own
///
/// reqwest repeats a request whose HTTP/2 stream was refused twice by itself, beside every policy and budget. Build the client
/// with `.retry(reqwest::retry::never())`, and the layers above decide.
pub struct HttpLayer<R> {
    settings: Arc<Settings>,
    request: PhantomData<fn(R)>,
}

impl<R> HttpLayer<R> {
    /// How many bytes of a bad answer's body are kept by default: 8 KiB.
    pub const ERROR_BODY_LIMIT: usize = 8 * 1024;

    /// How long a bad answer's body is waited for by default: 500 ms.
    pub const ERROR_BODY_TIMEOUT: Duration = Duration::from_millis(500);

    /// A layer for calls of the service `name`, which its errors bear.
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

    /// How answers are judged. Default: [`http_classifier()`].
    #[must_use]
    pub fn classifier(self, classifier: ByStatus) -> Self {
        self.edit(|settings| settings.classifier = classifier)
    }

    /// How much of a bad answer's body goes into the error: at most `bytes` of what came within `time`. Zero bytes
    /// doesn't read it at all. Default: 8 KiB and 500 ms.
    ///
    /// The retry layer above waits for it, so keep the time short. Of what the deadline leaves it is half at most. A timeout
    /// or deadline layer of `buttress-timeout` around ends it early, and the status stays. Any other timeout, such as
    /// `tokio::time::timeout`, drops the call and the status with it: keep the time well below that.
    #[must_use]
    pub fn error_body(self, max_bytes: usize, limit: Duration) -> Self {
        self.edit(|settings| settings.on_bad_status = OnBadStatus::Error { max_bytes, limit })
    }

    /// How long a frame of a good answer's body may be waited for, at most `limit`; then the body fails with
    /// [`Kind::Timeout`](buttress_error::Kind::Timeout). Default: as long as the deadline of the call leaves.
    ///
    /// Zero lets only frames through that are ready when they are asked for. See [`GuardedBody`](crate::GuardedBody), also
    /// for which clients' bodies that is.
    #[must_use]
    pub fn idle_timeout(self, limit: Duration) -> Self {
        self.edit(|settings| settings.idle_timeout = Some(limit))
    }

    /// Lets layers above judge a call by the end of its body: for streams, whose head says little. A body that breaks off,
    /// is cut by the [idle timeout](Self::idle_timeout), or ends without a good `grpc-status` in gRPC is then a failure for a
    /// circuit breaker whose classifier is [`at_body_end`](crate::at_body_end); retries are over by then. Default: the head decides.
    ///
    /// For callers who read bodies to their end: a body that is dropped before says neither yes nor no, so that a circuit
    /// which waits for a success stays half-open. See [`GuardedBody`](crate::GuardedBody), also for which clients' bodies
    /// that is.
    #[must_use]
    pub fn judge_at_body_end(self) -> Self {
        self.edit(|settings| settings.judge_at_body_end = true)
    }

    /// Passes bad statuses on as answers, for gateways. Every layer above then needs [`http_classifier()`] as its classifier: a 503
    /// is a success otherwise, neither retried nor counted.
    #[must_use]
    pub fn pass_bad_statuses(self) -> Self {
        self.edit(|settings| settings.on_bad_status = OnBadStatus::Pass)
    }

    /// Sends the number of the attempt, in the header [`ATTEMPT`](crate::ATTEMPT), so that a server can tell retries from
    /// first calls in its own figures. Default: not.
    #[must_use]
    pub fn send_attempt(self) -> Self {
        self.edit(|settings| settings.outgoing.attempt = true)
    }

    /// Sends the deadline, in the header [`DEADLINE`](crate::DEADLINE) or that of [gRPC](crate::GrpcTimeout), to this origin, such as
    /// `https://api.example.com` or `http://127.0.0.1:8080`. Default: to none.
    ///
    /// A gRPC call whose deadline is over, for which that header has no word, is refused instead: as
    /// [`Kind::DeadlineExceeded`](buttress_error::Kind::DeadlineExceeded), and never sent.
    ///
    /// # Errors
    /// [`InvalidOrigin`] if it has no `http` or `https`, no host, or more than these and a port.
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
