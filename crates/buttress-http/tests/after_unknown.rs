//! What an answer means after an attempt whose own answer was lost: against real servers.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_context::IDEMPOTENCY_KEY;
use buttress_error::{Delivery, Error, Kind, RetryAdvice, StopReason};
use buttress_http::{
    Body, HttpLayer, HttpService, IdempotencyKeyLayer, IdempotencyKeyService, http_classifier as statuses,
};
use buttress_retry::{Policy, PolicyBuilder, RetryLayer, retry};
use buttress_timeout::{AttemptTimeoutLayer, AttemptTimeoutService};
use common::{Server, Then};
use http::{HeaderName, Method, Request, Response, header};
use tower::{ServiceBuilder, ServiceExt};

const MS: Duration = Duration::from_millis(1);
const NOTE: &str = "an earlier attempt of this call may have taken effect";

type Inner = AttemptTimeoutService<HttpService<reqwest::Client, reqwest::Request>>;
type Client = IdempotencyKeyService<buttress_retry::RetryService<Inner>>;

fn quick() -> PolicyBuilder {
    Policy::fixed(MS).no_budget()
}

/// Attempts are cut after 300 ms.
fn inner() -> Inner {
    let reqwest = reqwest::Client::builder().no_proxy().build().unwrap();
    ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(300 * MS))
        .layer(HttpLayer::new("payments"))
        .service(reqwest)
}

fn client(policy: PolicyBuilder) -> Client {
    ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(policy.build().unwrap()))
        .service(inner())
}

fn request(method: Method, url: &str, headers: &[(HeaderName, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
    request.body(Body::from("x")).unwrap()
}

fn post(url: &str) -> Request<Body> {
    request(Method::POST, url, &[])
}

fn keys(server: &Server) -> Vec<String> {
    server.seen().iter().map(|seen| seen.header("idempotency-key").unwrap_or("none").to_owned()).collect()
}

/// A server that works on a charge for 700 ms, and answers a second request with the same key by `busy` meanwhile.
#[derive(Clone, Default)]
struct Charges(Arc<Mutex<HashMap<String, bool>>>, Arc<Mutex<Vec<String>>>);

impl Charges {
    async fn handle(self, key: String, busy: (u16, &'static str)) -> Response<String> {
        let known = self.0.lock().unwrap().get(&key).copied();
        match known {
            Some(false) => {
                let answer = Response::builder().status(busy.0).header("content-type", "application/json");
                return answer.body(busy.1.to_owned()).unwrap();
            }
            Some(true) => {}
            None => {
                self.0.lock().unwrap().insert(key.clone(), false);
                tokio::time::sleep(700 * MS).await;
                self.1.lock().unwrap().push(key.clone());
                self.0.lock().unwrap().insert(key, true);
            }
        }
        Response::builder().status(201).body("charged".to_owned()).unwrap()
    }

    async fn server(&self, busy: (u16, &'static str)) -> Server {
        let charges = self.clone();
        let handler = move |head: String| {
            let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
            charges.clone().handle(key.unwrap_or("none").to_owned(), busy)
        };
        Server::start(Then::handle(handler)).await
    }

    fn count(&self) -> usize {
        self.1.lock().unwrap().len()
    }
}

/// [S12] A POST with an idempotency key is cut while the server works on it: the conflict over the key means
/// "still running", so the same request follows with the same key, and there is one charge.
#[tokio::test]
async fn a_charge_that_is_cut_is_made_once() {
    let problem = r#"{"error":{"code":409,"status":"ABORTED","message":"request in progress"}}"#;
    for busy in [(409, ""), (423, ""), (425, "<html>"), (409, problem)] {
        let charges = Charges::default();
        let server = charges.server(busy).await;
        let client = client(Policy::fixed(150 * MS).no_budget().max_attempts(20));
        let answer = client.oneshot(post(&server.url)).await.unwrap();
        assert_eq!((answer.status().as_u16(), charges.count()), (201, 1), "{busy:?}");
        let keys = keys(&server);
        assert!(keys.len() > 2 && keys.iter().collect::<HashSet<_>>().len() == 1, "{keys:?}");
    }
}

/// Over HTTP/2: one connection, a stream for each attempt.
#[cfg(feature = "http2")]
#[tokio::test]
async fn a_charge_that_is_cut_is_made_once_over_http2() {
    let charges = Charges::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = charges.clone();
    let server = tokio::spawn(async move {
        loop {
            let stream = listener.accept().await.unwrap().0;
            let charges = shared.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
                    let handled = charges.clone().handle(key, (409, ""));
                    tokio::spawn(async move {
                        let (head, _) = handled.await.into_parts();
                        // The stream may have been reset.
                        let _ = respond.send_response(Response::from_parts(head, ()), true);
                    });
                }
            });
        }
    });
    let reqwest = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let policy = Policy::fixed(150 * MS).no_budget().max_attempts(20).build().unwrap();
    let client = ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(policy))
        .layer(AttemptTimeoutLayer::new(300 * MS))
        .layer(HttpLayer::<reqwest::Request>::new("payments"))
        .service(reqwest);
    let answer = client.oneshot(post(&url)).await.unwrap();
    assert_eq!((answer.status().as_u16(), charges.count()), (201, 1));
    server.abort();
}

/// After a reset, with a key by hand, and whatever the body of the conflict says.
#[tokio::test]
async fn a_conflict_over_the_key_is_retried() {
    let bodies = [
        ("text/plain", "busy"),
        ("application/problem+json", r#"{"kind":"already_exists","status":409}"#),
        ("application/problem+json", r#"{"type":"https://example.com/in-progress","status":409}"#),
        ("application/json", r#"{"error":{"code":409,"status":"FAILED_PRECONDITION"}}"#),
    ];
    for status in ["409 Conflict", "423 Locked", "425 Too Early"] {
        for (media, body) in bodies {
            let text =
                format!("HTTP/1.1 {status}\nContent-Type: {media}\nContent-Length: {}\n\n{body}", body.len());
            let busy = Then::answer(&text);
            let server = Server::script([Then::Reset, busy.clone(), busy, Then::status("201 Created")]).await;
            let by_hand = request(Method::POST, &server.url, &[(IDEMPOTENCY_KEY, "order-17")]);
            let answer = client(quick().max_attempts(4)).oneshot(by_hand).await;
            assert_eq!(answer.map(|answer| answer.status().as_u16()).ok(), Some(201), "{text}");
            assert_eq!(keys(&server), ["order-17"; 4]);
        }
    }
}

/// [S10] The server's wait is heeded.
#[tokio::test]
async fn a_conflict_over_the_key_says_when_to_come_back() {
    let busy = Then::answer("HTTP/1.1 409 Conflict\nRetry-After: 7\nContent-Length: 0\n\n");
    let server = Server::script([Then::Reset, busy, Then::status("200 OK")]).await;
    let client = client(quick().max_retry_after(30 * MS));
    let (answer, report) =
        buttress_context::Report::of(async { client.oneshot(post(&server.url)).await }).await;
    assert_eq!((answer.unwrap().status().as_u16(), report.delay), (200, 31 * MS));
}

/// When attempts, deadline or budget end it, the outcome is unknown: no advice to start again with another key.
#[tokio::test]
async fn a_conflict_that_stays_is_of_unknown_outcome() {
    let server = Server::script([Then::Reset, Then::status("409 Conflict")]).await;
    let policies = [
        (quick(), StopReason::Attempts),
        (quick().max_attempts(99).max_elapsed(50 * MS), StopReason::Elapsed),
        (
            quick().max_attempts(99).budget(buttress_retry::Budget::tokens(12).build().unwrap()),
            StopReason::Budget,
        ),
    ];
    for (policy, stop) in policies {
        let server = if stop == StopReason::Attempts {
            &server
        } else {
            &Server::script([Then::Reset, Then::status("409 Conflict")]).await
        };
        let error = client(policy).oneshot(post(&server.url)).await.unwrap_err();
        assert_eq!((error.kind(), error.class().delivery), (Kind::Aborted, Delivery::Unknown));
        assert_eq!((error.advice(), error.class().retry), (RetryAdvice::Never, RetryAdvice::Never));
        assert_eq!(error.retry_summary().unwrap().stopped, stop);
        assert!(error.notes().any(|note| note == NOTE), "{error:#}");
    }
}

/// On the first attempt a conflict keeps its meaning, and so it does after an attempt that did nothing.
#[tokio::test]
async fn a_conflict_without_an_unknown_attempt_before_it() {
    for before in [vec![], vec![Then::status("429 Slow Down")]] {
        let requests = before.len() + 1;
        let server = Server::script(before.into_iter().chain([Then::status("409 Conflict")])).await;
        let error = client(quick()).oneshot(post(&server.url)).await.unwrap_err();
        assert_eq!((error.kind(), error.advice()), (Kind::Aborted, RetryAdvice::Operation));
        assert_eq!((error.class().delivery, server.seen().len()), (Delivery::Processed, requests));
        assert!(error.notes().all(|note| note != NOTE));
    }
}

/// A 422 is misuse of the key, and never retried.
#[tokio::test]
async fn a_misused_key_is_the_callers_fault() {
    for before in [vec![], vec![Then::Reset]] {
        let requests = before.len() + 1;
        let answers = before.into_iter().chain([Then::status("422 Unprocessable Content")]);
        let server = Server::script(answers).await;
        let error = client(quick()).oneshot(post(&server.url)).await.unwrap_err();
        assert_eq!((error.kind(), error.advice()), (Kind::InvalidArgument, RetryAdvice::Never));
        assert_eq!(server.seen().len(), requests);
    }
}

/// A gateway that passes statuses through knows it too; and that a request has no key.
#[tokio::test]
async fn a_gateway_that_passes_statuses() {
    let gateway = || {
        ServiceBuilder::new()
            .layer(RetryLayer::new(quick().max_attempts(4).build().unwrap()).classifier(statuses()))
            .layer(HttpLayer::<reqwest::Request>::new("payments").pass_bad_statuses())
            .service(reqwest::Client::builder().no_proxy().build().unwrap())
    };
    let script = || {
        let busy = Then::status("409 Conflict");
        Server::script([Then::Reset, busy.clone(), busy, Then::status("201 Created")])
    };
    let server = script().await;
    let keyed = request(Method::POST, &server.url, &[(IDEMPOTENCY_KEY, "order-17")]);
    let answer = gateway().oneshot(keyed).await.unwrap();
    assert_eq!((answer.status().as_u16(), keys(&server)), (201, vec!["order-17".to_owned(); 4]));

    let server = script().await;
    let answer = gateway().oneshot(request(Method::PUT, &server.url, &[])).await.unwrap();
    assert_eq!((answer.status().as_u16(), server.seen().len()), (409, 2), "nothing is running under a key");
}

/// A caller's own retry around a client without retries knows it by the error; around one that has given up it
/// leaves the call alone.
#[tokio::test]
async fn an_outer_retry() {
    let busy = Then::status("409 Conflict");
    let server = Server::script([Then::Reset, busy.clone(), Then::status("201 Created")]).await;
    let (url, policy) = (server.url.clone(), quick().max_attempts(4).build().unwrap());
    let keyed = |url: &str| request(Method::POST, url, &[(IDEMPOTENCY_KEY, "order-17")]);
    let once = client(quick().max_attempts(1));
    let answer = retry(&policy, || once.clone().oneshot(keyed(&url))).await.unwrap();
    assert_eq!((answer.status().as_u16(), server.seen().len()), (201, 3));

    let server = Server::script([Then::Reset, busy]).await;
    let twice = client(quick().max_attempts(2));
    let error = retry(&policy, || twice.clone().oneshot(keyed(&server.url))).await.unwrap_err();
    assert_eq!((error.class().delivery, server.seen().len()), (Delivery::Unknown, 2));
}

async fn after_a_reset(method: Method, answer: &str) -> (Error, usize) {
    let server = Server::script([Then::Reset, Then::status(answer)]).await;
    let error = client(quick()).oneshot(request(method, &server.url, &[])).await.unwrap_err();
    (error, server.seen().len())
}

/// [S12] [S16] After an attempt whose answer was lost, an answer that contradicts the request is no proof: the
/// first attempt may have done it.
#[tokio::test]
async fn a_contradiction_is_no_proof() {
    for (method, status, kind) in [
        (Method::PUT, "412 Precondition Failed", Kind::FailedPrecondition),
        (Method::PUT, "409 Conflict", Kind::Aborted),
        (Method::DELETE, "404 Not Found", Kind::NotFound),
        (Method::DELETE, "410 Gone", Kind::NotFound),
        (Method::PUT, "400 Bad Request", Kind::InvalidArgument),
    ] {
        let (error, requests) = after_a_reset(method, status).await;
        assert_eq!((error.kind(), requests), (kind, 2));
        assert_eq!(
            (error.class().delivery, error.advice()),
            (Delivery::Unknown, RetryAdvice::Never),
            "{status}"
        );
        assert!(error.notes().any(|note| note == NOTE), "{error:#}");
    }
    // On the first attempt they mean what they say.
    let server = Server::script([Then::status("404 Not Found")]).await;
    let error = client(quick()).oneshot(request(Method::DELETE, &server.url, &[])).await.unwrap_err();
    assert_eq!(error.class().delivery, Delivery::Processed);
}

/// [S12] A conditional write is not retried after an attempt whose answer was lost; a conditional read is, and
/// so is a write that has a key, or that did nothing.
#[tokio::test]
async fn conditional_writes_are_not_repeated() {
    let conditions =
        [(header::IF_NONE_MATCH, "*"), (header::IF_MATCH, "\"7\""), (header::IF_UNMODIFIED_SINCE, "now")];
    for condition in conditions {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::POST] {
            let server = Server::script([Then::Reset, Then::status("412 Precondition Failed")]).await;
            let headers = [condition.clone()];
            let reset = request(method.clone(), &server.url, &headers);
            let plain = RetryLayer::new(quick().build().unwrap());
            let client = ServiceBuilder::new().layer(plain).service(inner());
            let error = client.clone().oneshot(reset).await.unwrap_err();
            assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::Unknown));
            assert_eq!(
                error.retry_summary().unwrap().stopped,
                StopReason::NotIdempotent,
                "{method} {condition:?}"
            );
            assert_eq!(server.seen().len(), 1);

            let server = Server::script([Then::status("429 Slow Down"), Then::status("200 OK")]).await;
            client.clone().oneshot(request(method.clone(), &server.url, &headers)).await.unwrap();

            let server = Server::script([Then::Reset, Then::status("200 OK")]).await;
            let keyed = [condition.clone(), (IDEMPOTENCY_KEY, "order-17")];
            client.clone().oneshot(request(method, &server.url, &keyed)).await.unwrap();
        }
    }
    let server = Server::script([Then::Reset, Then::status("200 OK")]).await;
    let read = request(Method::GET, &server.url, &[(header::IF_NONE_MATCH, "\"7\"")]);
    client(quick()).oneshot(read).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

/// [S16] A PUT is sent and reset, and the circuit opens: the second attempt is refused, and the caller gets the
/// reset, of unknown delivery, with the refusal as a note. So does the caller of a keyed POST.
#[tokio::test]
async fn a_circuit_that_opens_does_not_hide_a_reset() {
    for (method, headers) in [(Method::PUT, &[][..]), (Method::POST, &[(IDEMPOTENCY_KEY, "order-17")])] {
        let server = Server::start(Then::Reset).await;
        let breaker = Breaker::builder("payments").consecutive_failures(1).build().unwrap();
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(quick().build().unwrap()))
            .layer(BreakerLayer::new(breaker))
            .service(inner());
        let error = client.oneshot(request(method, &server.url, headers)).await.unwrap_err();
        assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::Unknown));
        assert!(!error.class().is_retryable(false) && server.seen().len() == 1);
        let effort = error.retry_summary().unwrap();
        assert_eq!((effort.attempts, effort.stopped, effort.exhausted), (2, StopReason::Rejected, true));
        assert!(
            error.notes().any(|note| note.starts_with("a later attempt was refused: payments")),
            "{error:?}"
        );
    }
}

/// Nothing listens any more when the reset request is sent again: it may have been carried out all the same.
#[tokio::test]
async fn a_server_that_is_gone_does_not_hide_a_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        drop(listener);
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await;
        stream.set_zero_linger().unwrap();
    });
    let (policy, twice) = (quick().build().unwrap(), client(quick().max_attempts(2)));
    let call = || twice.clone().oneshot(request(Method::PUT, &url, &[]));
    let error = retry(&policy, call).not_idempotent().await.unwrap_err();
    server.await.unwrap();
    assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::Unknown));
    assert_eq!(
        error.retry_summary().unwrap().attempts,
        2,
        "the outer retry may not send it again: {error:?}"
    );
    assert!(error.notes().any(|note| note == NOTE));
}
