//! What a status means to the layers above: retry and circuit breaker, over answers that are errors and over answers that
//! are passed on.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer, State};
use buttress_error::{ByKind, Classifier, Error, Kind};
use buttress_http::{Body, ByStatus, HttpLayer, Profile, http_classifier};
use buttress_retry::{Policy, RetryLayer};
use http::{Method, Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

type Answer = (u16, &'static [(&'static str, &'static str)]);

fn response((status, headers): Answer) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::empty()).unwrap()
}

/// The two stacks: bad statuses are errors, or are passed on to layers that judge them.
fn layers(pass: bool, classifier: ByStatus) -> HttpLayer<Request<Body>> {
    let layer = HttpLayer::new("orders").classifier(classifier);
    if pass { layer.pass_bad_statuses() } else { layer }
}

/// How often a dependency is asked that gives these answers in turn, and the last one forever.
async fn attempts(method: Method, classifier: ByStatus, answers: &[Answer]) -> usize {
    let by_errors = attempts_in(false, &method, classifier, ByKind, answers).await;
    let by_statuses = attempts_in(true, &method, classifier, classifier, answers).await;
    assert_eq!(by_errors, by_statuses, "{answers:?}");
    by_errors
}

async fn attempts_in<C>(pass: bool, method: &Method, by: ByStatus, classifier: C, answers: &[Answer]) -> usize
where
    C: Classifier<Response<Body>, Error> + Clone,
{
    let asked = AtomicUsize::new(0);
    let dependency = |_: Request<Body>| {
        let answer = answers.get(asked.fetch_add(1, Relaxed)).or(answers.last());
        ready(Ok::<_, Infallible>(response(*answer.unwrap())))
    };
    let policy = Policy::fixed(Duration::ZERO).no_budget().max_attempts(4).build().unwrap();
    let retries = RetryLayer::new(policy).classifier(classifier);
    let client = retries.layer(layers(pass, by).layer(service_fn(dependency)));
    let request = Request::builder().method(method).uri("http://localhost/").body(Body::from("x")).unwrap();
    let _ = client.oneshot(request).await;
    asked.load(Relaxed)
}

const OK: Answer = (200, &[]);
const MISDIRECTED: Answer = (421, &[]);
const BUSY: Answer = (503, &[]);

/// nothing proves that a retry takes another connection, so there is one.
#[tokio::test(start_paused = true)]
async fn a_misdirected_request_is_retried_at_most_once() {
    assert_eq!(attempts(Method::GET, http_classifier(), &[MISDIRECTED]).await, 2);
    assert_eq!(attempts(Method::POST, http_classifier(), &[MISDIRECTED]).await, 2, "it was not processed");
    assert_eq!(attempts(Method::GET, http_classifier(), &[MISDIRECTED, OK]).await, 2);
    // The one retry is that of this failure; others keep their own attempts.
    assert_eq!(attempts(Method::GET, http_classifier(), &[BUSY, MISDIRECTED]).await, 3);
    assert_eq!(attempts(Method::GET, http_classifier(), &[MISDIRECTED, BUSY]).await, 4);
    assert_eq!(attempts(Method::GET, http_classifier(), &[MISDIRECTED, BUSY, MISDIRECTED]).await, 3);
    assert_eq!(
        attempts(Method::GET, http_classifier(), &[(425, &[])]).await,
        4,
        "too early passes by itself"
    );
}

/// [S15] nested retries do not multiply it either.
#[tokio::test(start_paused = true)]
async fn nested_retries_do_not_multiply_it() {
    let asked = AtomicUsize::new(0);
    let dependency = |_: Request<Body>| {
        asked.fetch_add(1, Relaxed);
        ready(Ok::<_, Infallible>(response(MISDIRECTED)))
    };
    let policy = || Policy::fixed(Duration::ZERO).no_budget().max_attempts(4).build().unwrap();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(policy()))
        .layer(RetryLayer::new(policy()))
        .layer(layers(false, http_classifier()))
        .service(service_fn(dependency));
    client.oneshot(Request::get("http://localhost/").body(Body::empty()).unwrap()).await.unwrap_err();
    assert_eq!(asked.load(Relaxed), 2);
}

/// what a CDN says of its origin is retried by its meaning, and an unknown 5xx as a 500 is.
#[tokio::test(start_paused = true)]
async fn statuses_beyond_the_standard_are_retried() {
    for status in [520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 598, 599] {
        assert_eq!(attempts(Method::GET, http_classifier(), &[(status, &[])]).await, 4, "{status}");
        assert_eq!(
            attempts(Method::POST, http_classifier(), &[(status, &[])]).await,
            1,
            "{status} may be processed"
        );
    }
    for status in [500, 509, 510, 561] {
        assert_eq!(attempts(Method::GET, http_classifier(), &[(status, &[])]).await, 1, "{status}");
        assert_eq!(
            attempts(Method::GET, http_classifier().profile(Profile::Aws), &[(status, &[])]).await,
            4,
            "{status}"
        );
    }
}

/// Succeeded, failed and throttled of a breaker after ten calls with this answer, and whether the circuit opened.
async fn counted(answer: Answer) -> (u64, u64, u64, bool) {
    let by_errors = counted_in(false, ByKind, answer).await;
    let by_statuses = counted_in(true, http_classifier().for_request(&http::HeaderMap::new()), answer).await;
    assert_eq!(by_errors, by_statuses, "{answer:?}");
    by_errors
}

async fn counted_in<C>(pass: bool, classifier: C, answer: Answer) -> (u64, u64, u64, bool)
where
    C: Classifier<Response<Body>, Error> + Clone,
{
    let breaker = Breaker::new("orders");
    let mut client = stack(&breaker, pass, classifier, answer);
    for _ in 0..10 {
        let _ = client.ready().await.unwrap().call(get()).await;
    }
    let stats = breaker.stats();
    (stats.succeeded, stats.failed, stats.throttled, breaker.state() == State::Open)
}

fn get() -> Request<Body> {
    Request::get("http://localhost/").body(Body::empty()).unwrap()
}

fn stack<C>(
    breaker: &Breaker,
    pass: bool,
    classifier: C,
    answer: Answer,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Error>
where
    C: Classifier<Response<Body>, Error> + Clone,
{
    ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker).classifier(classifier))
        .layer(layers(pass, http_classifier()))
        .service(service_fn(move |_: Request<Body>| ready(Ok::<_, Infallible>(response(answer)))))
}

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("grpc-status", "8")];

/// [S20] 11 and 15: a misdirected request, an unfollowed redirect and a proxy's refusal say nothing of the origin.
#[tokio::test(start_paused = true)]
async fn what_the_origin_has_not_seen_opens_no_circuit() {
    for status in [421, 101, 302, 304, 307, 407, 511] {
        assert_eq!(counted((status, &[])).await, (0, 0, 0, false), "{status}");
    }
}

/// [S20] an exhausted dependency throttles: no success, and no failure.
#[tokio::test(start_paused = true)]
async fn an_exhausted_dependency_is_no_success() {
    for answer in [(507, &[][..]), (200, GRPC), (429, &[])] {
        assert_eq!(counted(answer).await, (0, 0, 10, false), "{answer:?}");
    }
}

/// [S20] [S22] a probe that is throttled failed, whichever way the dependency says so.
#[tokio::test(start_paused = true)]
async fn a_probe_that_finds_the_dependency_exhausted_failed() {
    for answer in [(507, &[][..]), (200, GRPC), (429, &[])] {
        for pass in [false, true] {
            let breaker = Breaker::new("orders");
            while let Ok(permit) = breaker.admit() {
                permit.failure(Kind::Unavailable);
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            let state = if pass {
                probed(&breaker, stack(&breaker, pass, http_classifier(), answer)).await
            } else {
                probed(&breaker, stack(&breaker, pass, ByKind, answer)).await
            };
            assert_eq!(state, State::Open, "{answer:?}");
        }
    }
}

/// The state after a whole round of probes.
async fn probed<S>(breaker: &Breaker, mut client: S) -> State
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Error>,
{
    for _ in 0..3 {
        let _ = client.ready().await.unwrap().call(get()).await;
    }
    breaker.state()
}
