//! The settings of the ready-made stack.

use std::sync::Arc;
use std::time::Duration;

use buttress_breaker::Breaker;
use buttress_context::ContextLayer;
use buttress_error::{BoxError, ConfigError};
use buttress_http::{BearerLayer, BearerService, FromHttp, HttpLayer, HttpService, IntoHttp, ResponseHead};
use buttress_log::LogLayer;
use buttress_retry::{Policy, PolicyBuilder};
use tower_layer::Layer;
use tower_service::Service;

use super::{BreakerSetting, Client, ClientLayer, SettingsError, breaker};

/// The whole wall around the client of one dependency, with settings of its own: [`Client::new`] is the one with the
/// defaults.
///
/// Outermost first, in [the order that works](crate#the-stack): context, log, deadline, retry, breaker, attempt timeout,
/// and over an HTTP client the layer that makes its failures ours.
///
/// One client has one circuit and one retry budget, whatever the URL: make one client for each service that fails by
/// itself, once, when the program starts. A client that is made for each call has a new circuit for each call, which never
/// sees a second one and never opens. The circuit judges attempts, so a call that is retried twice counts three times.
///
/// ```
/// use std::time::Duration;
/// use buttress::Body;
/// use http::{Request, Response};
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn server(_: Request<Body>) -> Result<Response<Body>, std::io::Error> {
///     Ok(Response::new("paid".into()))
/// }
///
/// // Once, when the program starts. Clones share everything.
/// let client = buttress::client("payments").deadline(Duration::from_secs(60)).service(service_fn(server))?;
///
/// // For each call.
/// let reply = client.send(Request::get("http://payments.internal/orders/7").body("")?).await?;
/// assert_eq!(reply.status(), 200);
/// # Ok(()) }
/// ```
pub fn client(name: impl Into<Arc<str>>) -> ClientBuilder {
    ClientBuilder {
        name: name.into(),
        deadline: Duration::from_secs(30),
        attempt_timeout: Duration::from_secs(7),
        policy: Policy::exponential(),
        breaker: None,
        log: None,
        context: ContextLayer::new(),
        idle_timeout: None,
        judge_at_body_end: false,
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
/// | [`retry`](Self::retry) | [`Policy::default`]: 4 attempts, equal jitter from 200 ms, a budget |
/// | [`breaker`](Self::breaker) | [`Breaker::builder`]'s defaults, the evidence also over ten attempt timeouts; the probe timeout is the attempt timeout, `abandon_after` half of it (or half the deadline, if that is shorter) |
/// | [`log`](Self::log) | DEBUG for a call that succeeds at once, INFO after a retry, the kind's level on failure |
/// | [`context`](Self::context) | ids of its own where the caller has none; no trace that starts here is sampled |
/// | [`attempt_timeout`](Self::attempt_timeout) | 7 s: four attempts that hang, and their waits, fit into the deadline |
/// | [`idle_timeout`](Self::idle_timeout) | as long as the deadline leaves |
/// | [`judge_at_body_end`](Self::judge_at_body_end) | no: the head of a response decides |
/// | [`idempotency_keys`](Self::idempotency_keys) | no |
/// | [`bearer`](Self::bearer) | no token |
/// | [`send_attempt`](Self::send_attempt) | no |
/// | [`send_deadline_to`](Self::send_deadline_to) | none |
///
/// Nothing is checked before [`service`](Self::service) or [`build`](Self::build), which report all bad settings together.
/// Those from `idle_timeout` on are for [HTTP](Self::service); a [layer](Self::build) for other services leaves them out.
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `service` or `build`"]
pub struct ClientBuilder {
    pub(super) name: Arc<str>,
    pub(super) deadline: Duration,
    pub(super) attempt_timeout: Duration,
    policy: PolicyBuilder,
    breaker: Option<BreakerSetting>,
    log: Option<LogLayer>,
    pub(super) context: ContextLayer,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) judge_at_body_end: bool,
    pub(super) send_attempt: bool,
    pub(super) idempotency_keys: bool,
    pub(super) bearer: Option<BearerLayer>,
    pub(super) trusted: Vec<Box<str>>,
}

impl ClientBuilder {
    /// The time for a whole call: retries, their waits, and the body of the response too, which ends with an error when
    /// the time is up. Longer than zero. Default: 30 s; give a client for long downloads more. A shorter one needs a shorter
    /// [`attempt_timeout`](Self::attempt_timeout) too: [`Client::explain`] warns where the attempts don't fit.
    pub const fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// The time for one attempt, up to the head of its response. Longer than zero. Default: 7 s.
    pub const fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// Whether to retry, and when: a [`Policy`], or the settings of one, which are checked with those of the client.
    pub fn retry(mut self, policy: impl Into<PolicyBuilder>) -> Self {
        self.policy = policy.into();
        self
    }

    /// The circuit breaker: a [`Breaker`], which several clients share where each is given it, or the settings of one, which
    /// are checked with those of the client.
    pub fn breaker(mut self, breaker: impl Into<BreakerSetting>) -> Self {
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

    /// The ids of a call that has none: see [`ContextLayer`]. Default: a new request id, and a new trace that is not sampled.
    ///
    /// ```
    /// use buttress::context::SampleRatio;
    /// use buttress::ContextLayer;
    ///
    /// # fn main() -> Result<(), buttress::ConfigError> {
    /// let one_in_a_hundred = ContextLayer::new().sample_ratio(SampleRatio::new(0.01)?);
    /// let client = buttress::client("payments").context(one_in_a_hundred);
    /// # let _ = client;
    /// # Ok(()) }
    /// ```
    pub const fn context(mut self, layer: ContextLayer) -> Self {
        self.context = layer;
        self
    }

    /// How long the next part of a response's body may be waited for; then the body ends with an error. Default: as long as
    /// the deadline leaves. Longer than zero.
    pub const fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit);
        self
    }

    /// Lets the circuit judge a call by the end of its body: one that breaks off, or that the idle timeout cuts, is a
    /// failure then. Default: a good head is a success.
    ///
    /// For callers who read bodies to their end: see [`HttpLayer::judge_at_body_end`].
    pub const fn judge_at_body_end(mut self) -> Self {
        self.judge_at_body_end = true;
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
    ///     .retry(Policy::exponential().remedy(on(Kind::Unauthenticated), token.clone(), refresh))
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
    /// every server that the client calls. The origin has `http` or `https`, a host, and at most a port beside them.
    pub fn send_deadline_to(mut self, origin: &str) -> Self {
        self.trusted.push(origin.into());
        self
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
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), buttress::SettingsError> {
    /// let database = service_fn(|_: Query| async { Err::<(), _>(Error::new(Kind::Unavailable, "gone away")) });
    /// let client = buttress::client("database").build()?.layer(database);
    ///
    /// let error = client.clone().oneshot(Query("select 1")).await.unwrap_err();
    /// assert_eq!(error.retry_summary().unwrap().attempts, 4);
    /// let error = client.oneshot(Query("insert 1")).await.unwrap_err();
    /// assert_eq!(error.retry_summary().unwrap().attempts, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// All settings that are out of their range. The defaults never are: [`ClientLayer::new`] is without a `Result`.
    pub fn build(self) -> Result<ClientLayer, SettingsError> {
        let mut errors = self.check();
        let policy = self.policy.clone().build().map_err(|error| errors.push(error)).ok();
        let breaker = self.breaker.clone().map(BreakerSetting::build).transpose();
        let breaker = breaker.map_err(|error| errors.push(error)).ok();
        match (policy, breaker) {
            (Some(policy), Some(breaker)) if errors.is_empty() => Ok(self.with(policy, breaker)),
            _ => Err(SettingsError::new(&self.name, errors)),
        }
    }

    /// The stack around an HTTP client: `reqwest::Client` (feature `reqwest`), or any service of
    /// `http::Request<Body>`.
    ///
    /// What the client does by itself it does below the stack, which neither sees nor counts it. Build a `reqwest::Client`
    /// with `buttress::http::same_origin()` for its redirects and `reqwest::retry::never()` for its retries: see
    /// [`HttpLayer`].
    ///
    /// # Errors
    /// All settings that are out of their range. The defaults never are: [`Client::new`] is without a `Result`.
    pub fn service<S, R>(self, inner: S) -> Result<Client<S, R>, SettingsError>
    where
        R: FromHttp,
        S: Service<R> + Clone,
        S::Error: Into<BoxError>,
        S::Response: ResponseHead + IntoHttp,
    {
        self.build().map(|layer| layer.client(inner))
    }

    pub(super) fn log_layer(&self) -> LogLayer {
        self.log.clone().unwrap_or_else(|| LogLayer::for_client(Arc::clone(&self.name)))
    }

    /// The settings of the client itself that are out of their range.
    fn check(&self) -> Vec<ConfigError> {
        let times = [
            ("deadline", Some(self.deadline)),
            ("attempt_timeout", Some(self.attempt_timeout)),
            ("idle_timeout", self.idle_timeout),
        ];
        let zero = |&(setting, time): &(_, Option<Duration>)| {
            time.filter(Duration::is_zero).map(|time| ConfigError::new(setting, "longer than zero", time))
        };
        let origin = |origin: &str| {
            HttpLayer::<()>::new("").send_deadline_to(origin).err().map(|_invalid| {
                // What stands before it may be a password.
                let place = origin.rsplit_once('@').map_or(origin, |(_, place)| place);
                ConfigError::new("send_deadline_to", "an origin such as https://api.example.com", place)
            })
        };
        let times = times.iter().filter_map(zero);
        times.chain(self.trusted.iter().filter_map(|text| origin(text))).collect()
    }

    /// The stack of settings that were checked.
    pub(super) fn with(self, policy: Policy, breaker: Option<Breaker>) -> ClientLayer {
        let default = || breaker::default(&self.name, self.attempt_timeout, self.deadline);
        let breaker = breaker.unwrap_or_else(default);
        ClientLayer::of(self, policy, breaker)
    }

    /// All that is below the attempt timeout: the HTTP client, and what makes its failures ours.
    pub(super) fn http_client<S, R>(&self, inner: S) -> BearerService<HttpService<S, R>> {
        self.bearer.clone().unwrap_or_default().layer(self.http().layer(inner))
    }

    fn http<R>(&self) -> HttpLayer<R> {
        // A body that hangs must not make a timeout of the status before it.
        let body_time = HttpLayer::<R>::ERROR_BODY_TIMEOUT.min(self.attempt_timeout / 2);
        let mut http =
            HttpLayer::new(Arc::clone(&self.name)).error_body(HttpLayer::<R>::ERROR_BODY_LIMIT, body_time);
        if let Some(limit) = self.idle_timeout {
            http = http.idle_timeout(limit);
        }
        if self.judge_at_body_end {
            http = http.judge_at_body_end();
        }
        if self.send_attempt {
            http = http.send_attempt();
        }
        self.trusted.iter().fold(http, |http, origin| http.send_deadline_to(origin).expect("it was checked"))
    }
}
