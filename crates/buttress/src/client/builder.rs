//! The settings of the ready-made stack.

use std::sync::Arc;
use std::time::Duration;

use buttress_breaker::Breaker;
use buttress_error::{BoxError, ByKind};
use buttress_http::{BearerLayer, FromHttp, Head, HttpLayer, IntoHttp, InvalidOrigin, at_end};
use buttress_log::LogLayer;
use buttress_retry::Policy;
use tower_layer::Layer;
use tower_service::Service;

use super::{Client, ClientLayer};

/// The whole wall around the client of one dependency, with defaults that are safe.
///
/// Outermost first, in [the order that works](crate#the-stack): context, log, deadline, retry, breaker, attempt timeout,
/// and over an HTTP client the layer that makes its failures ours.
///
/// One client has one circuit and one retry budget, whatever the URL: make one client for each service that fails by
/// itself. The circuit judges attempts, so a call that is repeated twice counts three times.
///
/// ```
/// use std::time::Duration;
/// use buttress::Body;
/// use http::{Request, Response};
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), buttress::Error> {
/// async fn server(_: Request<Body>) -> Result<Response<Body>, std::io::Error> {
///     Ok(Response::new("paid".into()))
/// }
///
/// let client = buttress::client("payments").deadline(Duration::from_secs(5)).service(service_fn(server));
/// let reply = client.send(Request::get("http://payments.internal/orders/7").body("").unwrap()).await?;
/// assert_eq!(reply.status(), 200);
/// # Ok(()) }
/// ```
pub fn client(name: impl Into<Arc<str>>) -> ClientBuilder {
    ClientBuilder {
        name: name.into(),
        deadline: Duration::from_secs(30),
        attempt_timeout: Duration::from_secs(10),
        policy: Policy::default(),
        breaker: None,
        log: None,
        idle_timeout: None,
        judge_bodies: false,
        send_attempt: false,
        idempotency_keys: false,
        bearer: None,
        trusted: Vec::new(),
    }
}

/// Settings of the ready-made client stack, made by [`client`].
///
/// | setting | default |
/// |---|---|
/// | [`deadline`](Self::deadline) | 30 s |
/// | [`retry`](Self::retry) | [`Policy::default`]: 3 attempts, full jitter, a budget |
/// | [`breaker`](Self::breaker) | [`Breaker::builder`]'s defaults, lease and patience as the attempt timeout (patience half the deadline, where that ends first) |
/// | [`log`](Self::log) | DEBUG for a call that succeeds at once, INFO after a retry, the kind's level on failure |
/// | [`attempt_timeout`](Self::attempt_timeout) | 10 s |
/// | [`idle_timeout`](Self::idle_timeout) | as long as the deadline leaves |
/// | [`judge_bodies`](Self::judge_bodies) | no: the head of a response decides |
/// | [`idempotency_keys`](Self::idempotency_keys) | no |
/// | [`bearer`](Self::bearer) | no token |
/// | [`send_attempt`](Self::send_attempt) | no |
/// | [`trust_origin`](Self::trust_origin) | none |
///
/// Those from `idle_timeout` on are for [HTTP](Self::service); a [layer](Self::build) for other services leaves them out.
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `service` or `build`"]
pub struct ClientBuilder {
    pub(super) name: Arc<str>,
    pub(super) deadline: Duration,
    pub(super) attempt_timeout: Duration,
    pub(super) policy: Policy,
    breaker: Option<Breaker>,
    log: Option<LogLayer>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) judge_bodies: bool,
    pub(super) send_attempt: bool,
    pub(super) idempotency_keys: bool,
    pub(super) bearer: Option<BearerLayer>,
    pub(super) trusted: Vec<Box<str>>,
}

impl ClientBuilder {
    /// The time for a whole call: retries, their waits, and the body of the response too, which ends with an error when
    /// the time is up. Default: 30 s; give a client for long downloads more.
    pub const fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// The time for one attempt, up to the head of its response. Default: 10 s.
    pub const fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// Whether to repeat, and when.
    pub fn retry(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The circuit breaker. Give one to several clients and they share it.
    pub fn breaker(mut self, breaker: impl Into<Breaker>) -> Self {
        self.breaker = Some(breaker.into());
        self
    }

    /// The events of each call: see [`LogLayer`]. Default: [`LogLayer::for_client`] with the name of the client.
    ///
    /// ```
    /// use buttress::LogLayer;
    ///
    /// let silent = buttress::client("payments").log(LogLayer::off());
    /// let every_success = buttress::client("payments").log(LogLayer::new("payments").end_only()); // at INFO
    /// # let _ = (silent, every_success);
    /// ```
    pub fn log(mut self, layer: LogLayer) -> Self {
        self.log = Some(layer);
        self
    }

    /// How long the next part of a response's body may be waited for; then the body ends with an error. Default: as long as
    /// the deadline leaves. Zero lets only through what is there when it is asked for.
    pub const fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit);
        self
    }

    /// Lets the circuit judge a call by the end of its body: one that breaks off, or that the idle timeout cuts, is a
    /// failure then. Default: a good head is a success.
    ///
    /// For callers who read bodies to their end: see [`HttpLayer::judge_bodies`].
    pub const fn judge_bodies(mut self) -> Self {
        self.judge_bodies = true;
        self
    }

    /// Gives each request whose method is not idempotent an `Idempotency-Key` of its own, the same for all attempts, so
    /// that it is repeated as others are. Default: no; such a request is sent once, unless it has a key.
    ///
    /// Only for servers that honour the header: any other does a POST twice. See
    /// [`IdempotencyKeyLayer`](crate::http::IdempotencyKeyLayer).
    pub const fn idempotency_keys(mut self) -> Self {
        self.idempotency_keys = true;
        self
    }

    /// Puts a token on each attempt that goes to its origins, and on no other. Default: none.
    ///
    /// A [remedy](buttress_retry::PolicyBuilder::remedy) of the [policy](Self::retry) can refresh it. Build the HTTP client so
    /// that it follows no redirect to another origin, which could get the token: see [`BearerLayer`].
    ///
    /// ```
    /// use buttress::http::{Bearer, BearerLayer};
    /// use buttress::{Kind, Policy, on};
    ///
    /// # async fn fetch_token() -> Result<String, buttress::Error> { Ok("mF_9.B5f-4.1JqM".to_owned()) }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let token = Bearer::new();
    /// let refresh = |token: Bearer| async move { token.set(&fetch_token().await?) };
    /// let orders = buttress::client("orders")
    ///     .retry(Policy::exponential().remedy(on(Kind::Unauthenticated), token.clone(), refresh).build()?)
    ///     .bearer(BearerLayer::new(&token, "https://api.example.com")?);
    /// # let _ = orders;
    /// # Ok(()) }
    /// ```
    pub fn bearer(mut self, token: BearerLayer) -> Self {
        self.bearer = Some(token);
        self
    }

    /// Sends the number of the attempt, from 1, in the header [`ATTEMPT`](crate::http::ATTEMPT). Default: no.
    pub const fn send_attempt(mut self) -> Self {
        self.send_attempt = true;
        self
    }

    /// Sends the deadline along to this origin, such as `http://payments.internal:8080`. Request id and trace go to
    /// every server that the client calls.
    ///
    /// # Errors
    /// [`InvalidOrigin`] if it has no `http` or `https`, no host, or more than these and a port.
    pub fn trust_origin(mut self, origin: &str) -> Result<Self, InvalidOrigin> {
        HttpLayer::<()>::new("").trust_origin(origin)?;
        self.trusted.push(origin.into());
        Ok(self)
    }

    /// The stack as a layer, for any service whose error knows its class and takes a
    /// [`Rejection`](crate::Rejection), and whose request is [`Replay`](crate::context::Replay).
    ///
    /// That also says whether the request may be processed twice. Where it doesn't, the context may
    /// ([`Context::with_idempotent`](crate::Context::with_idempotent)); else only what was not sent is repeated.
    ///
    /// ```
    /// use buttress::context::Replay;
    /// use buttress::{Error, Kind};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// #[derive(Clone)]
    /// struct Query(&'static str);
    ///
    /// impl Replay for Query {
    ///     fn replay(&self) -> Option<Self> {
    ///         Some(self.clone())
    ///     }
    ///
    ///     fn idempotent(&self) -> Option<bool> {
    ///         Some(self.0.starts_with("select"))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let database = service_fn(|_: Query| async { Err::<(), _>(Error::new(Kind::Unavailable, "gone away")) });
    /// let client = buttress::client("database").build().layer(database);
    ///
    /// let error = client.clone().oneshot(Query("select 1")).await.unwrap_err();
    /// assert_eq!(error.effort().unwrap().attempts, 3);
    /// let error = client.oneshot(Query("insert 1")).await.unwrap_err();
    /// assert_eq!(error.effort().unwrap().attempts, 1);
    /// # }
    /// ```
    #[must_use]
    pub fn build(self) -> ClientLayer {
        let breaker = self.breaker.clone().unwrap_or_else(|| self.default_breaker());
        ClientLayer::new(self, breaker)
    }

    /// The stack around an HTTP client: `reqwest::Client` (feature `reqwest`), or any service of
    /// `http::Request<Body>`.
    ///
    /// What the client does by itself it does below the stack, which neither sees nor counts it. Build a `reqwest::Client`
    /// with `buttress::http::same_origin()` for its redirects and `reqwest::retry::never()` for its retries: see
    /// [`HttpLayer`].
    pub fn service<S, R>(self, inner: S) -> Client<S, R>
    where
        R: FromHttp,
        S: Service<R> + Clone,
        S::Error: Into<BoxError>,
        S::Response: Head + IntoHttp,
    {
        let inner = self.bearer.clone().unwrap_or_default().layer(self.http().layer(inner));
        let layer = self.build();
        Client::new(layer.around(inner, at_end(ByKind)), layer)
    }

    pub(super) fn log_layer(&self) -> LogLayer {
        self.log.clone().unwrap_or_else(|| LogLayer::for_client(Arc::clone(&self.name)))
    }

    fn default_breaker(&self) -> Breaker {
        // A breaker refuses a time of zero; the attempt timeout then refuses every call by itself.
        let lease = self.attempt_timeout.max(Duration::from_nanos(1));
        // Where the deadline cuts a hanging attempt first, the breaker sees it dropped a moment before the deadline's age.
        let patience = if self.attempt_timeout < self.deadline { lease } else { self.deadline / 2 };
        let builder = Breaker::builder(&*self.name).lease(lease).patience(patience);
        builder.build().expect("the defaults are good, and the times not zero").leak()
    }

    fn http<R>(&self) -> HttpLayer<R> {
        // A body that hangs must not make a timeout of the status before it.
        let body_time = HttpLayer::<R>::ERROR_BODY_TIMEOUT.min(self.attempt_timeout / 2);
        let mut http =
            HttpLayer::new(Arc::clone(&self.name)).error_body(HttpLayer::<R>::ERROR_BODY, body_time);
        if let Some(limit) = self.idle_timeout {
            http = http.idle_timeout(limit);
        }
        if self.judge_bodies {
            http = http.judge_bodies();
        }
        if self.send_attempt {
            http = http.send_attempt();
        }
        self.trusted
            .iter()
            .fold(http, |http, origin| http.trust_origin(origin).expect("it was checked when it was set"))
    }
}
