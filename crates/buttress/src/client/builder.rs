//! `ClientBuilder`: the settings of the ready-made stack.

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

use super::breaker::{self, BreakerSetting};
use super::service::Client;
use super::settings_error::SettingsError;
use super::stack::ClientLayer;

/// Starts the settings of a ready-made stack around the client of one dependency. [`Client::new`] uses the defaults.
///
/// The layers are, [outermost first](crate#the-stack): context, log, deadline, retry, breaker, attempt timeout, and over an
/// HTTP client the layer that makes an [`Error`](crate::Error) of every failure.
///
/// A client has one circuit and one retry budget for all URLs, so create one client for each service that can fail
/// independently, when the program starts. A client that is created for each call has a new circuit each time, which never
/// sees a second call and never opens. The circuit counts attempts, so a call with two retries counts three times.
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
        deadline_to: Vec::new(),
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
/// | [`context`](Self::context) | new ids if the caller has none; a trace that starts here is not sampled |
/// | [`attempt_timeout`](Self::attempt_timeout) | 7 s: four attempts that hang, and the waits between them, fit into the deadline |
/// | [`idle_timeout`](Self::idle_timeout) | none except the deadline |
/// | [`judge_at_body_end`](Self::judge_at_body_end) | off: the head of a response decides |
/// | [`idempotency_keys`](Self::idempotency_keys) | off |
/// | [`bearer`](Self::bearer) | no token |
/// | [`send_attempt`](Self::send_attempt) | off |
/// | [`send_deadline_to`](Self::send_deadline_to) | no origin |
///
/// [`service`](Self::service) and [`build`](Self::build) check the settings and report all invalid ones together. Those from
/// `idle_timeout` on are for [HTTP](Self::service) and have no effect on a [layer](Self::build) for other services.
#[derive(Clone, Debug)]
#[must_use = "call `service` or `build` to create the client"]
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
    pub(super) deadline_to: Vec<Box<str>>,
}

impl ClientBuilder {
    /// Sets the time for a whole call: all attempts, the waits between them, and the body of the response, which fails when
    /// the time is up. Longer than zero. Default: 30 s; long downloads need more. A shorter deadline also needs a shorter
    /// [`attempt_timeout`](Self::attempt_timeout): [`Client::explain`] warns if the attempts do not fit.
    pub const fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = limit;
        self
    }

    /// Sets the time for one attempt, up to the head of its response. Longer than zero. Default: 7 s.
    pub const fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// Sets the retry policy: a [`Policy`], or the settings of one, which are checked with those of the client.
    pub fn retry(mut self, policy: impl Into<PolicyBuilder>) -> Self {
        self.policy = policy.into();
        self
    }

    /// Sets the circuit breaker: a [`Breaker`], which several clients can share, or the settings of one, which are checked
    /// with those of the client.
    pub fn breaker(mut self, breaker: impl Into<BreakerSetting>) -> Self {
        self.breaker = Some(breaker.into());
        self
    }

    /// Sets the layer that logs each call. Default: [`LogLayer::for_client`] with the name of the client.
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

    /// Sets the layer that creates the ids of a call that has none. Default: a new request id, and a new trace that is not
    /// sampled.
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

    /// Sets the time that the next frame of a response's body may take; then the body fails. Longer than zero. Default: no
    /// limit except the deadline.
    pub const fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = Some(limit);
        self
    }

    /// Judges a call by the end of its response's body: a body that breaks off, or that the idle timeout cuts, is then a
    /// failure for the circuit. Default: a good head is a success.
    ///
    /// This is for callers that read bodies to their end: see [`HttpLayer::judge_at_body_end`].
    pub const fn judge_at_body_end(mut self) -> Self {
        self.judge_at_body_end = true;
        self
    }

    /// Sets a new `Idempotency-Key` on each request whose method is not idempotent, the same for all attempts, so that it is
    /// retried like other requests. Default: off; such a request is sent once, unless it has a key.
    ///
    /// This is only for servers that honour the header: any other server processes a retried POST twice. See
    /// [`IdempotencyKeyLayer`](crate::http::IdempotencyKeyLayer).
    pub const fn idempotency_keys(mut self) -> Self {
        self.idempotency_keys = true;
        self
    }

    /// Sets a token on each attempt to the origins of the layer, and on no other. Default: none.
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

    /// Sends the number of the attempt, from 1, in the header [`ATTEMPT`](crate::http::ATTEMPT). Default: off.
    pub const fn send_attempt(mut self) -> Self {
        self.send_attempt = true;
        self
    }

    /// Sends the deadline to this origin, such as `http://payments.internal:8080`: `http` or `https`, a host, and an optional
    /// port. Default: no origin. (Request id and trace are sent to every server.)
    pub fn send_deadline_to(mut self, origin: &str) -> Self {
        self.deadline_to.push(origin.into());
        self
    }

    /// Builds the stack as a layer for any service whose error is classified and implements
    /// `From<`[`Rejection`](crate::Rejection)`>`, and whose request is [`Replay`](crate::context::Replay).
    ///
    /// `Replay` also says whether the request is idempotent. If it does not, the context can
    /// ([`Context::with_idempotent`](crate::Context::with_idempotent)); otherwise only requests that were not processed are
    /// retried.
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
    /// All settings that are out of range. The defaults never are: [`ClientLayer::new`] returns no `Result`.
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

    /// Builds the stack around an HTTP client: `reqwest::Client` (feature `reqwest`), or any service of
    /// `http::Request<Body>`.
    ///
    /// Redirects and retries of the client itself happen below the stack, which does not see or count them. Build a
    /// `reqwest::Client` with `buttress::http::same_origin()` as its redirect policy and `reqwest::retry::never()` as its
    /// retry policy: see [`HttpLayer`].
    ///
    /// # Errors
    /// All settings that are out of range. The defaults never are: [`Client::new`] returns no `Result`.
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

    /// Returns the settings of the client itself that are out of range.
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
                // A password may precede the `@`.
                let host = origin.rsplit_once('@').map_or(origin, |(_, host)| host);
                ConfigError::new("send_deadline_to", "an origin such as https://api.example.com", host)
            })
        };
        let times = times.iter().filter_map(zero);
        times.chain(self.deadline_to.iter().filter_map(|text| origin(text))).collect()
    }

    /// Creates the layer from settings that were checked.
    pub(super) fn with(self, policy: Policy, breaker: Option<Breaker>) -> ClientLayer {
        let default = || breaker::default(&self.name, self.attempt_timeout, self.deadline);
        let breaker = breaker.unwrap_or_else(default);
        ClientLayer::of(self, policy, breaker)
    }

    /// Wraps the HTTP client in the layers below the attempt timeout.
    pub(super) fn http_client<S, R>(&self, inner: S) -> BearerService<HttpService<S, R>> {
        self.bearer.clone().unwrap_or_default().layer(self.http().layer(inner))
    }

    fn http<R>(&self) -> HttpLayer<R> {
        let mut http = HttpLayer::new(Arc::clone(&self.name));
        if let Some(limit) = self.idle_timeout {
            http = http.idle_timeout(limit);
        }
        if self.judge_at_body_end {
            http = http.judge_at_body_end();
        }
        if self.send_attempt {
            http = http.send_attempt();
        }
        self.deadline_to
            .iter()
            .fold(http, |http, origin| http.send_deadline_to(origin).expect("the origin was checked"))
    }
}
