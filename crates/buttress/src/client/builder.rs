//! The settings of the ready-made stack.

use std::sync::Arc;
use std::time::Duration;

use buttress_breaker::Breaker;
use buttress_error::BoxError;
use buttress_http::{FromHttp, Head, HttpLayer, IntoHttp, InvalidOrigin};
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
/// | [`attempt_timeout`](Self::attempt_timeout) | 10 s |
/// | [`trust_origin`](Self::trust_origin) | none |
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `service` or `build`"]
pub struct ClientBuilder {
    pub(super) name: Arc<str>,
    pub(super) deadline: Duration,
    pub(super) attempt_timeout: Duration,
    pub(super) policy: Policy,
    breaker: Option<Breaker>,
    trusted: Vec<Box<str>>,
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
    /// [`Rejection`](crate::Rejection).
    #[must_use]
    pub fn build(self) -> ClientLayer {
        let breaker = self.breaker.clone().unwrap_or_else(|| self.default_breaker());
        ClientLayer::new(self, breaker)
    }

    /// The stack around an HTTP client: `reqwest::Client` (feature `reqwest`), or any service of
    /// `http::Request<Body>`.
    pub fn service<S, R>(self, inner: S) -> Client<S, R>
    where
        R: FromHttp,
        S: Service<R> + Clone,
        S::Error: Into<BoxError>,
        S::Response: Head + IntoHttp,
    {
        let http = self.http();
        let layer = self.build();
        Client::new(layer.layer(http.layer(inner)), layer)
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
        self.trusted.iter().fold(HttpLayer::new(Arc::clone(&self.name)), |http, origin| {
            http.trust_origin(origin).expect("it was checked when it was set")
        })
    }
}
