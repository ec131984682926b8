//! The layer over a mock, and the classifier by itself.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer, Window};
use buttress_context::{Context, Replay, RequestId, Trace};
use buttress_error::{
    BoxError, Class, Classifier, Delivery, Error, Kind, Rejection, RejectionReason, RetryAdvice, check,
};
use buttress_http::{ATTEMPT, BadStatus, Body, HttpLayer, IntoRequest, Profile, http_classifier};
use http::{HeaderMap, Request, Response, StatusCode};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

fn get() -> Request<Body> {
    Request::get("http://localhost/orders/7").body(Body::empty()).unwrap()
}

fn answer(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::from("words")).unwrap()
}

fn with(status: u16, headers: &[(&'static str, &'static str)]) -> Response<()> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap()
}

async fn call(layer: HttpLayer<Request<Body>>, status: u16) -> Result<Response<Body>, Error> {
    layer
        .layer(service_fn(move |_: Request<Body>| async move { Ok::<_, Infallible>(answer(status)) }))
        .oneshot(get())
        .await
}

#[tokio::test]
async fn good_statuses_pass_and_bad_ones_are_errors() {
    for status in [200, 204, 206] {
        assert_eq!(call(HttpLayer::new("orders"), status).await.unwrap().status(), status);
    }
    let error = call(HttpLayer::new("orders"), 503).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.domain(), Some("orders"));
    assert_eq!(error.find::<BadStatus>().unwrap().status(), 503);
    assert_eq!(error.location(), None);
}

#[tokio::test]
async fn statuses_pass_where_that_is_asked() {
    assert_eq!(call(HttpLayer::new("orders").pass_bad_statuses(), 503).await.unwrap().status(), 503);
}

#[tokio::test]
async fn the_classifier_is_a_setting() {
    let aws = HttpLayer::new("orders").classifier(http_classifier().profile(Profile::Aws));
    assert!(call(aws, 500).await.unwrap_err().class().is_retryable(true));
    assert!(!call(HttpLayer::new("orders"), 500).await.unwrap_err().class().is_retryable(true));
}

#[tokio::test]
async fn no_body_is_read_where_none_is_kept() {
    let error = call(HttpLayer::new("orders").error_body(0, Duration::ZERO), 500).await.unwrap_err();
    let answer = error.find::<BadStatus>().unwrap();
    assert_eq!((answer.body().len(), answer.is_whole()), (0, false));
    assert_eq!(error.notes().collect::<Vec<_>>(), ["GET http://localhost/orders/7"]);
}

/// What was known before the layer keeps its class and its place.
#[tokio::test]
async fn inner_errors_are_translated() {
    async fn refused(_: Request<Body>) -> Result<Response<Body>, io::Error> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
    async fn boxed(_: Request<Body>) -> Result<Response<Body>, BoxError> {
        Err("strange".into())
    }
    async fn ours(_: Request<Body>) -> Result<Response<Body>, Error> {
        Err(Error::new(Kind::DataLoss, "torn page"))
    }
    let error = HttpLayer::new("orders").layer(service_fn(refused)).oneshot(get()).await.unwrap_err();
    assert_eq!(*error.class(), Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed).dependency());
    assert_eq!((error.to_string().as_str(), error.location()), ("orders: connection refused", None));

    let error = HttpLayer::new("orders").layer(service_fn(boxed)).oneshot(get()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Unknown, "orders: strange"));

    let error = HttpLayer::new("orders").layer(service_fn(ours)).oneshot(get()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::DataLoss, "orders: torn page"));
    assert!(error.location().unwrap().file().ends_with("behaviour.rs"));
}

/// The table of statuses, whole.
#[test]
fn every_status_has_its_kind() {
    let table: &[(&[u16], Kind)] = &[
        (&[400, 406, 413, 415, 418, 422, 431], Kind::InvalidArgument),
        (&[401, 407, 511], Kind::Unauthenticated),
        (&[402, 412, 426, 428], Kind::FailedPrecondition),
        (&[403, 451], Kind::PermissionDenied),
        (&[404, 410], Kind::NotFound),
        (&[405, 501, 505], Kind::Unimplemented),
        (&[408, 504, 522, 524, 598, 599], Kind::Timeout),
        (&[409, 423], Kind::Aborted),
        (&[416], Kind::OutOfRange),
        (&[421, 425, 502, 503, 520, 521, 523, 525, 526, 527, 529, 530], Kind::Unavailable),
        (&[429], Kind::Throttled),
        (&[499], Kind::Cancelled),
        (&[500, 506, 508, 509, 510, 561], Kind::Internal),
        (&[507], Kind::ResourceExhausted),
        (&[100, 101, 300, 302, 304, 308, 600, 999], Kind::BadResponse),
    ];
    let classifier = http_classifier().for_request(&HeaderMap::new());
    for (statuses, kind) in table {
        for status in *statuses {
            let class = classifier.class(&with(*status, &[])).unwrap();
            assert_eq!(class.kind, *kind, "{status}");
            let not_processed = [407, 421, 425, 429, 511].contains(status);
            assert_eq!(class.delivery == Delivery::NotProcessed, not_processed, "{status}");
        }
    }
    for status in 100..=999 {
        let class = classifier.class(&with(status, &[]));
        assert_eq!(class.is_none(), (200..=299).contains(&status), "{status}");
    }
}

#[test]
fn what_was_asked_for_is_a_success() {
    let ask = |name: &'static str| {
        http_classifier()
            .for_request(&HeaderMap::from_iter([(http::HeaderName::from_static(name), "x".parse().unwrap())]))
    };
    assert_eq!(ask("if-none-match").class(&with(304, &[])), None);
    assert_eq!(ask("if-modified-since").class(&with(304, &[])), None);
    assert_eq!(ask("upgrade").class(&with(101, &[])), None);
    assert_eq!(ask("upgrade").class(&with(304, &[])).unwrap().kind, Kind::BadResponse);
    // Without the request in hand the server is believed.
    assert_eq!(http_classifier().class(&with(304, &[])), None);
}

/// [S10] a wait counts on 429, every 5xx, 403 and 413, and where a state passes: 409, 423 and 425.
#[test]
fn a_wait_counts_on_every_5xx() {
    for status in 300..=999 {
        let class = http_classifier().class(&with(status, &[("retry-after", "3")]));
        let wait = class.and_then(|class| class.retry_after);
        let counts = (500..=599).contains(&status) || [403, 409, 413, 423, 425, 429].contains(&status);
        assert_eq!(wait, counts.then_some(Duration::from_secs(3)), "{status}");
    }
}

/// whatever is not known is treated as 500 is, in both profiles. A loop is never retried.
#[test]
fn an_unknown_5xx_is_treated_as_500_is() {
    let repeated = |classifier: buttress_http::ByStatus, status| {
        classifier.class(&with(status, &[])).unwrap().is_retryable(true)
    };
    for status in [500, 506, 509, 510, 519, 528, 540, 561, 597] {
        assert!(!repeated(http_classifier(), status), "{status}");
        assert!(repeated(http_classifier().profile(Profile::Aws), status), "{status}");
        let answer = with(status, &[("retry-after", "2")]);
        for profile in [Profile::Strict, Profile::Aws] {
            let wait = http_classifier().profile(profile).class(&answer).unwrap().retry_after;
            assert_eq!(wait, Some(Duration::from_secs(2)), "{status}");
        }
    }
    assert!(
        !repeated(http_classifier().profile(Profile::Aws), 508)
            && !repeated(http_classifier().profile(Profile::Aws), 501)
    );
    for status in [502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 598, 599] {
        assert!(repeated(http_classifier(), status), "{status}");
    }
}

/// Some APIs say 403 where others say 429.
#[test]
fn a_forbidden_request_that_may_come_back_is_throttled() {
    let kind =
        |headers: &[(&'static str, &'static str)]| http_classifier().class(&with(403, headers)).unwrap().kind;
    assert_eq!(kind(&[]), Kind::PermissionDenied);
    assert_eq!(kind(&[("retry-after", "5")]), Kind::Throttled);
    for left in ["x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining"] {
        assert_eq!(kind(&[(left, "0")]), Kind::Throttled, "{left}");
        assert_eq!(kind(&[(left, "7")]), Kind::PermissionDenied, "{left}");
    }
}

/// [S10] a wait is cut where the setting says.
#[test]
fn retry_after_is_capped() {
    let wait = |max| {
        let class = http_classifier()
            .max_retry_after(max)
            .class(&with(429, &[("retry-after", "99999999999999999999999")]));
        class.unwrap().retry_after.unwrap()
    };
    assert_eq!(wait(Duration::from_secs(60)), Duration::from_secs(60));
    let class = http_classifier().class(&with(503, &[("retry-after", "99999999999999999999999")])).unwrap();
    assert_eq!(class.retry_after, Some(Duration::from_secs(24 * 60 * 60)));
}

#[test]
fn grpc_has_its_own_status() {
    let grpc = |headers: &[(&'static str, &'static str)]| {
        let mut all = vec![("content-type", "application/grpc+proto")];
        all.extend(headers);
        http_classifier().class(&with(200, &all))
    };
    assert_eq!(grpc(&[]), None, "the status comes in a trailer");
    assert_eq!(grpc(&[("grpc-status", "0")]), None);
    assert_eq!(grpc(&[("grpc-status", "8")]).unwrap().kind, Kind::ResourceExhausted);
    let throttled = grpc(&[("grpc-status", "8"), ("grpc-retry-pushback-ms", "20")]).unwrap();
    assert_eq!(throttled, Class::new(Kind::Throttled).retry_after(Duration::from_millis(20)));
    // `RetryInfo { retry_delay { seconds: 5 } }` in `grpc-status-details-bin`, padded and not.
    let details = "GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAU";
    for details in
        [details, concat!("GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAU", "=")]
    {
        let class = grpc(&[("grpc-status", "8"), ("grpc-status-details-bin", details)]).unwrap();
        assert_eq!(class, Class::new(Kind::Throttled).retry_after(Duration::from_secs(5)), "{details}");
    }
    let unreadable = grpc(&[("grpc-status", "8"), ("grpc-status-details-bin", "?")]).unwrap();
    assert_eq!((unreadable.kind, unreadable.retry_after), (Kind::ResourceExhausted, None));
    for forbids in ["-1", "+1", "soon", "", "1e3", "99999999999"] {
        let class = grpc(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", forbids)]).unwrap();
        assert_eq!((class.kind, class.retry), (Kind::Unavailable, RetryAdvice::Never), "{forbids}");
    }
    for nonsense in ["17", "32", "-1", "+0", "+14", "x", "", "300"] {
        assert_eq!(grpc(&[("grpc-status", nonsense)]).unwrap().kind, Kind::Unknown, "{nonsense}");
    }
    // gRPC-Web is another protocol.
    let web = with(503, &[("content-type", "application/grpc-web"), ("grpc-status", "5")]);
    assert_eq!(http_classifier().class(&web).unwrap().kind, Kind::Unavailable);
}

/// What a proxy answers to gRPC is no failure of the dependency where it would be none over HTTP.
#[test]
fn grpc_proxies_that_redirect_are_neutral() {
    let judge = |status| {
        let answer = with(status, &[("content-type", "text/html")]);
        let mut asked = HeaderMap::new();
        asked.insert("content-type", "application/grpc".parse().unwrap());
        http_classifier().for_request(&asked).judge(&Ok::<_, Error>(answer))
    };
    for status in [101, 103, 300, 301, 302, 303, 304, 307, 308, 421] {
        let verdict = judge(status);
        assert_eq!(verdict.class().unwrap().kind, Kind::Unknown, "{status}");
        assert!(!verdict.is_failure() && !verdict.is_success(), "{status}");
    }
    for status in [500, 502, 503, 504, 520] {
        assert!(judge(status).is_failure(), "{status}");
    }
}

#[test]
fn the_classifier_judges_answers_and_errors() {
    let judge = |outcome: Result<Response<()>, Error>| http_classifier().judge(&outcome);
    assert!(judge(Ok(with(200, &[]))).is_success());
    assert!(judge(Ok(with(503, &[]))).is_failure());
    assert!(judge(Ok(with(429, &[]))).is_throttle());
    let not_found = judge(Ok(with(404, &[])));
    assert!(not_found.is_success() && not_found.class().unwrap().kind == Kind::NotFound);
    assert!(judge(Err(Error::new(Kind::Timeout, "late"))).is_failure());
}

/// The request that the layer sends in this context.
async fn sent(context: Context, mut request: Request<Body>) -> HeaderMap {
    let mock = service_fn(|request: Request<Body>| async move {
        let mut answer = Response::new(Body::empty());
        *answer.headers_mut() = request.headers().clone();
        Ok::<_, Infallible>(answer)
    });
    *request.uri_mut() = "https://api.test/orders".parse().unwrap();
    let layer = HttpLayer::new("orders").send_deadline_to("https://api.test").unwrap();
    context.scope(layer.layer(mock).oneshot(request)).await.unwrap().headers().clone()
}

/// [S41] every attempt is a span of its own in the same trace.
#[tokio::test]
async fn each_attempt_has_a_span() {
    let trace = Trace::random();
    let cx = Context::default().with_trace(trace);
    let first = sent(cx.clone(), get()).await["traceparent"].to_str().unwrap().to_owned();
    let second = sent(cx, get()).await["traceparent"].to_str().unwrap().to_owned();
    assert_ne!(first, second);
    let prefix = format!("00-{}-", trace.trace_id());
    assert!(first.starts_with(&prefix) && second.starts_with(&prefix));
    assert!(!first.contains(&trace.span_id().to_string()));
}

#[tokio::test]
async fn a_header_of_the_callers_own_stays() {
    let cx = Context::default()
        .with_request_id(RequestId::random())
        .with_trace(Trace::random())
        .with_timeout(Duration::from_secs(1));
    let mut request = get();
    for name in ["x-request-id", "traceparent", "x-request-deadline-ms"] {
        request.headers_mut().insert(name, "mine".parse().unwrap());
    }
    let headers = sent(cx, request).await;
    for name in ["x-request-id", "traceparent", "x-request-deadline-ms"] {
        assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), ["mine"], "{name}");
    }
}

/// [S15] the number of the attempt is told on request only, and the caller's own word stays.
#[tokio::test]
async fn the_attempt_in_a_header() {
    let seen = |layer: HttpLayer<Request<Body>>, request: Request<Body>| {
        let mock = service_fn(|request: Request<Body>| async move {
            let mut answer = Response::new(Body::empty());
            *answer.headers_mut() = request.headers().clone();
            Ok::<_, Infallible>(answer)
        });
        let call = layer.layer(mock).oneshot(request);
        async {
            Context::default().with_attempt(3).scope(call).await.unwrap().headers().get(ATTEMPT).cloned()
        }
    };
    let orders = HttpLayer::new("orders");
    assert_eq!(seen(orders.clone(), get()).await, None);
    assert_eq!(seen(orders.clone().send_attempt(), get()).await.unwrap(), "3");
    let mut own = get();
    own.headers_mut().insert(ATTEMPT, "mine".parse().unwrap());
    assert_eq!(seen(orders.send_attempt(), own).await.unwrap(), "mine");
}

#[tokio::test]
async fn no_context_no_headers() {
    assert!(sent(Context::default(), get()).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_what_is_left() {
    let cx = Context::default().with_timeout(Duration::from_millis(1500));
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(sent(cx.clone(), get()).await["x-request-deadline-ms"], "1000");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(sent(cx, get()).await["x-request-deadline-ms"], "0");
}

/// gRPC has a header of its own for it.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_grpc_call() {
    let mut request = get();
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let headers = sent(Context::default().with_timeout(Duration::from_millis(1500)), request).await;
    assert_eq!(headers["grpc-timeout"], "1500000u");
    assert!(!headers.contains_key("x-request-deadline-ms"));
}

/// [S28] gRPC has no timeout of zero: a call whose time is over is refused, and never sent. Elsewhere nobody is told of
/// the deadline, and it is sent.
#[tokio::test(start_paused = true)]
async fn a_grpc_call_that_is_late() {
    let calls = std::sync::atomic::AtomicU32::new(0);
    let call = async |origin: &str, left: u64| {
        let mock = service_fn(|_: Request<Body>| {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let answer = Response::builder().header("grpc-status", "0");
            async { answer.body(Body::empty()) }
        });
        let layer = HttpLayer::new("orders").send_deadline_to(origin).unwrap();
        let request = Request::post("https://api.test/Orders/Get").header("content-type", "application/grpc");
        let context = Context::default().with_timeout(Duration::from_nanos(left));
        context.scope(layer.layer(mock).oneshot(request.body(Body::empty()).unwrap())).await
    };
    let error = call("https://api.test", 0).await.unwrap_err();
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!((error.kind(), error.class().delivery), (Kind::DeadlineExceeded, Delivery::NotProcessed));
    let rejection = error.find::<Rejection>().unwrap();
    assert_eq!((rejection.reason(), rejection.layer()), (RejectionReason::Deadline, "orders"));
    assert_eq!(error.notes().collect::<Vec<_>>(), ["POST https://api.test/Orders/Get"]);
    call("https://api.test", 1_000_000).await.unwrap();
    call("https://other.test", 0).await.unwrap();
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 2);
}

/// [S13] bytes are sent as often as needed, and a stream as long as it is kept.
#[tokio::test]
async fn bodies_that_can_be_repeated() {
    let request = Request::post("http://localhost/").body("hello").unwrap().into_request().unwrap();
    assert_eq!(request.replay().unwrap().body().as_bytes().unwrap(), "hello");

    let stream = Body::streaming(http_body_util::Full::new(bytes::Bytes::from("hello")));
    let request = Request::post("http://localhost/").body(stream).unwrap();
    let copy = request.replay().unwrap();
    let mock = service_fn(|request: Request<Body>| async {
        use http_body_util::BodyExt;
        request.into_body().collect().await.map(|body| Response::new(Body::from(body.to_bytes())))
    });
    let client = HttpLayer::new("orders").layer(mock);
    for request in [request, copy] {
        let answer = client.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.body().as_bytes().unwrap(), "hello");
    }
}

/// [S12] by method or key; else the request says nothing.
#[test]
fn idempotency_comes_from_method_and_key() {
    let says = |method: &str, key: bool| {
        let mut request = get();
        *request.method_mut() = method.parse().unwrap();
        if key {
            request.headers_mut().insert("idempotency-key", "8e03978e".parse().unwrap());
        }
        Replay::idempotent(&request)
    };
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"] {
        assert_eq!(says(method, false), Some(true), "{method}");
    }
    for method in ["POST", "PATCH"] {
        assert_eq!((says(method, false), says(method, true)), (None, Some(true)), "{method}");
    }
}

/// The layer has no state to share: its clones, and the clones of its services, have the same settings, and changing one
/// leaves the others.
#[tokio::test]
async fn clones_have_the_same_settings() {
    let layer = HttpLayer::new("orders").pass_bad_statuses();
    let changed = layer.clone().error_body(0, Duration::ZERO);
    assert_eq!(call(layer.clone(), 500).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(call(layer.clone(), 500).await.is_ok());
    let error = call(changed.clone(), 500).await.unwrap_err();
    assert_eq!(error.find::<BadStatus>().unwrap().body(), "");
    let service = layer.layer(service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(answer(500)) }));
    drop(layer);
    assert!(service.clone().oneshot(get()).await.is_ok() && service.oneshot(get()).await.is_ok());
}

/// [S7] A breaker judged by `http_classifier()` keeps the last real failure: it is the source of its rejections.
#[tokio::test]
async fn the_last_failure_is_the_source_of_a_rejection() {
    let breaker = Breaker::builder("orders").window(Window::consecutive(2)).build().unwrap();
    let client = ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker).classifier(http_classifier()))
        .layer(HttpLayer::new("orders").pass_bad_statuses())
        .service(service_fn(|_: Request<Body>| async {
            Err::<Response<Body>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
        }));
    for _ in 0..2 {
        assert_eq!(client.clone().oneshot(get()).await.unwrap_err().kind(), Kind::Unavailable);
    }
    let refused = client.oneshot(get()).await.unwrap_err();
    let rejection = refused.find::<Rejection>().unwrap();
    let last = rejection.cause().unwrap().error.as_ref().unwrap();
    assert_eq!((last.kind(), last.domain()), (Kind::Unavailable, Some("orders")));
    assert!(std::error::Error::source(rejection).is_some());
}

#[test]
fn a_stack_over_a_mock_needs_no_annotation() {
    let client = HttpLayer::new("orders")
        .layer(service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(String::new())) }));
    check::<Request<Body>, _>(&client);
}
