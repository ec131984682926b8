//! `http_classify.json`: what an answer means, told by a whole stack of layers.
//!
//! Each case runs through two stacks that have to agree: one whose bottom makes bad statuses errors, and one that
//! passes them through to layers with the classifier of HTTP.

use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::api::{
    self, Body, BreakerLayer, ByKind, ByStatus, Class, Classifier, Context, Error, HttpLayer, Kind, Policy,
    RetryLayer, Transport,
};
use crate::clock::virtual_time;
use crate::suite::{Area, Outcome, each_way, hold, maybe_null, not_nothing, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    request: Asked,
    response: Option<Answer>,
    transport_error: Option<TransportError>,
    profile: Option<Profile>,
    #[serde(deserialize_with = "not_nothing")]
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    idempotent: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TransportError {
    ConnectRefused,
    ConnectTimeout,
    DnsFailure,
    H2RefusedStream,
    H2GoawayUnprocessed,
    ResetAfterSend,
    ReadTimeout,
    IncompleteResponse,
    TlsUntrusted,
    TooManyRedirects,
    UnsupportedScheme,
    InvalidRequest,
    Cancelled,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Profile {
    Aws,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expect {
    kind: Option<Coarse>,
    retryable: Option<bool>,
    counts_as_breaker_failure: Option<bool>,
    #[serde(default, deserialize_with = "maybe_null")]
    retry_after_ms: Option<Option<u64>>,
    grpc_status: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Coarse {
    Ok,
    Permanent,
    Transient,
    Throttled,
    Timeout,
    Cancelled,
}

/// The two stacks.
#[derive(Clone, Copy, Debug)]
enum Way {
    Errors,
    Statuses,
}

/// What the layers made of it.
struct Seen {
    /// None of a success.
    class: Option<Class>,
    repeated: bool,
    counted: bool,
}

impl Area for Case {
    const NAME: &'static str = "http_classify";

    fn run(self) -> Outcome {
        each_way(&[Way::Errors, Way::Statuses], |way| {
            let bottom = HttpLayer::new("scenario");
            let seen = match way {
                Way::Errors => virtual_time(self.drive(bottom.classifier(self.classifier()), ByKind)),
                Way::Statuses => {
                    let classifier = self.classifier().for_request(self.request()?.headers());
                    virtual_time(self.drive(bottom.pass_bad_statuses(), classifier))
                }
            };
            self.expect.hold(&seen?)
        })
    }
}

impl Case {
    async fn drive<C>(&self, bottom: HttpLayer<Request<Body>>, classifier: C) -> Result<Seen, String>
    where
        C: Classifier<Response<Body>, Error> + Copy,
    {
        let reply = self.reply()?;
        let dependency = |_: Request<Body>| ready(reply.clone().map(|head| head.map(Body::from)));
        let breaker = api::Breaker::new("scenario");
        let policy = Policy::fixed(Duration::ZERO).max_attempts(2).no_budget().build().map_err(words)?;
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(policy).classifier(classifier))
            .layer(BreakerLayer::new(&breaker).classifier(classifier))
            .layer(bottom)
            .service(service_fn(dependency));
        let context = Context::current();
        let context = self.request.idempotent.map_or(context.clone(), |yes| context.with_idempotent(yes));
        let outcome = context.scope(client.oneshot(self.request()?)).await;
        let stats = breaker.stats();
        Ok(Seen {
            class: classifier.judge(&outcome).class().copied(),
            repeated: stats.admitted > 1,
            counted: stats.window.failed > 0,
        })
    }

    fn classifier(&self) -> ByStatus {
        match self.profile {
            None => api::http_classifier(),
            Some(Profile::Aws) => api::http_classifier().profile(api::Profile::Aws),
        }
    }

    fn request(&self) -> Result<Request<Body>, String> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(self.request.method.as_bytes()).map_err(words)?;
        *request.uri_mut() = Uri::from_static("http://localhost/");
        *request.headers_mut() = headers(&self.request.headers)?;
        Ok(request)
    }

    /// What the client below the layers gives back, again and again.
    fn reply(&self) -> Result<Result<Response<()>, Error>, String> {
        match (&self.response, self.transport_error) {
            (Some(answer), None) => {
                let mut response = Response::new(());
                *response.status_mut() = StatusCode::from_u16(answer.status).map_err(words)?;
                *response.headers_mut() = headers(&answer.headers)?;
                Ok(Ok(response))
            }
            (None, Some(error)) => Ok(Err(Error::new(error.ours(), "no answer"))),
            _ => Err("either an answer or an error of the transport".to_owned()),
        }
    }
}

fn headers(fields: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let field = |(name, value): (&String, &String)| {
        Ok((HeaderName::try_from(name).map_err(words)?, HeaderValue::try_from(value).map_err(words)?))
    };
    fields.iter().map(field).collect()
}

impl Expect {
    fn hold(&self, seen: &Seen) -> Outcome {
        let wait = seen.class.and_then(|class| class.retry_after);
        hold("kind", &self.kind, &coarse(seen.class))?;
        hold("retryable", &self.retryable, &seen.repeated)?;
        hold("counts as breaker failure", &self.counts_as_breaker_failure, &seen.counted)?;
        hold("retry after", &self.retry_after_ms.map(|hint| hint.map(Duration::from_millis)), &wait)?;
        hold("gRPC status", &self.grpc_status, &grpc(seen.class))
    }
}

/// The coarse word for a class: what the kind is called, or else whether repeating this call can help.
fn coarse(class: Option<Class>) -> Coarse {
    let Some(class) = class else { return Coarse::Ok };
    match class.kind {
        Kind::Cancelled => Coarse::Cancelled,
        Kind::Throttled => Coarse::Throttled,
        Kind::Timeout | Kind::DeadlineExceeded => Coarse::Timeout,
        _ if class.retry == api::RetryAdvice::Call => Coarse::Transient,
        _ => Coarse::Permanent,
    }
}

/// The name of a status in gRPC's spelling.
fn grpc(class: Option<Class>) -> String {
    class.map_or("OK".to_owned(), |class| class.kind.canonical().as_str().to_uppercase())
}

impl TransportError {
    const fn ours(self) -> Class {
        match self {
            Self::ConnectRefused | Self::ConnectTimeout | Self::DnsFailure => Transport::Connect,
            Self::H2RefusedStream => Transport::RefusedStream,
            Self::H2GoawayUnprocessed => Transport::GoAway,
            Self::ResetAfterSend | Self::IncompleteResponse => Transport::Reset,
            Self::ReadTimeout => Transport::ReadTimeout,
            Self::TlsUntrusted => Transport::Untrusted,
            Self::TooManyRedirects => Transport::Redirect,
            Self::UnsupportedScheme | Self::InvalidRequest => Transport::InvalidRequest,
            Self::Cancelled => Transport::Cancelled,
        }
        .class()
    }
}
