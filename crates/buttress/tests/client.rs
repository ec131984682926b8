//! The ready-made stack around reqwest, against a real server.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buttress::http::{Bearer, BearerLayer, IntoRequest, translate};
use buttress::{
    Backoff, Body, Breaker, Client, Context, Kind, Policy, Rejection, RejectionReason, RetryContext, on,
};
use http::{HeaderMap, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

type OverReqwest = Client<reqwest::Client, reqwest::Request>;

const MS: Duration = Duration::from_millis(1);

/// Answers each request with the next of its answers, and keeps what it was asked.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Status(&'static str),
    /// Half of a body, and no more.
    Half,
    Hang,
}
use Answer::{Half, Hang, Status};

const OK: Answer = Status("200 OK");
const DOWN: Answer = Status("503 Service Unavailable");

impl Server {
    /// The last answer repeats.
    async fn start(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers, Arc::clone(&kept)));
            }
        });
        Self { url, heads }
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// This header of all requests, where they have it.
    fn headers(&self, name: &str) -> Vec<Option<String>> {
        let text = |head: &HeaderMap| head.get(name).map(|value| value.to_str().unwrap().to_owned());
        self.heads.lock().unwrap().iter().map(text).collect()
    }

    fn header(&self, request: usize, name: &str) -> String {
        self.heads.lock().unwrap()[request][name].to_str().unwrap().to_owned()
    }
}

/// One request a connection: bodies here are empty, so the head is all there is.
async fn serve(mut stream: TcpStream, answers: &[Answer], heads: Arc<Mutex<Vec<HeaderMap>>>) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let number = {
        let mut heads = heads.lock().unwrap();
        heads.push(headers);
        heads.len() - 1
    };
    match answers[number.min(answers.len() - 1)] {
        Hang => std::future::pending().await,
        Half => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
            std::future::pending::<()>().await;
        }
        Status(status) => {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

fn quick(attempts: u32) -> Policy {
    Policy::exponential().backoff(Backoff::fixed(MS)).max_attempts(attempts).build().unwrap()
}

fn client() -> buttress::ClientBuilder {
    buttress::client("payments").retry(quick(3))
}

async fn get(client: &OverReqwest, server: &Server) -> Result<reqwest::Response, buttress::Error> {
    client.send(Request::get(&server.url).body(()).unwrap()).await
}

/// A server that answers 503 twice is asked three times; the caller sees the answer only.
#[tokio::test]
async fn a_flap_is_repeated() {
    let server = Server::start(&[DOWN, DOWN, OK]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    assert_eq!(get(&client, &server).await.unwrap().status(), 200);
    assert_eq!(server.requests(), 3);
}

/// [S9] a call's own retry policy reaches the stack's retry through the layers around it, and nothing of it is sent.
#[tokio::test]
async fn one_call_is_repeated_otherwise() {
    let server = Server::start(&[DOWN, DOWN, DOWN, OK]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    let cx = Context::current().with_retry_policy(quick(4));
    assert_eq!(cx.scope(async { get(&client, &server).await }).await.unwrap().status(), 200);
    get(&client, &server).await.unwrap();
    let heads = server.heads.lock().unwrap();
    let names = |head: usize| heads[head].keys().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!((heads.len(), names(0)), (5, names(4)));
}

/// [S41] going out, the request id stays the same over all attempts, and each attempt is a span of one trace.
#[tokio::test]
async fn attempts_share_the_request_id_and_the_trace() {
    let server = Server::start(&[DOWN, OK]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    get(&client, &server).await.unwrap();
    assert_eq!(server.header(0, "x-request-id"), server.header(1, "x-request-id"));
    let (first, second) = (server.header(0, "traceparent"), server.header(1, "traceparent"));
    assert_eq!(first[..36], second[..36], "the trace");
    assert_ne!(first, second, "the span");
}

/// [S12] a POST whose answer was a 503 is not repeated: the server may have done it.
#[tokio::test]
async fn a_post_is_sent_once() {
    let server = Server::start(&[DOWN, OK]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    let error = client.send(reqwest::Client::new().post(&server.url)).await.unwrap_err();
    assert_eq!((error.kind(), server.requests()), (Kind::Unavailable, 1));
}

/// [S20] an answer that blames the caller is no failure of the dependency: a thousand of them open nothing.
#[tokio::test]
async fn not_found_opens_no_circuit() {
    let server = Server::start(&[Status("404 Not Found")]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    for _ in 0..30 {
        assert_eq!(get(&client, &server).await.unwrap_err().kind(), Kind::NotFound);
    }
    assert_eq!(server.requests(), 30, "nor was it repeated");
    assert!(client.breaker().state().is_closed());
}

/// [S7] an open circuit refuses without a request, says why in numbers, and keeps the failure that opened it.
#[tokio::test]
async fn an_open_circuit_tells_the_whole_story() {
    let server = Server::start(&[DOWN]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    while client.breaker().state().is_closed() {
        let _ = get(&client, &server).await;
    }
    let asked = server.requests();
    let error = get(&client, &server).await.unwrap_err();
    assert_eq!((error.kind(), server.requests()), (Kind::Rejected, asked));
    let rejection = error.find::<Rejection>().unwrap();
    assert_eq!((rejection.layer(), rejection.reason()), ("payments", RejectionReason::CircuitOpen));
    assert!(rejection.to_string().contains("5 of 5 failed, threshold 50 %, window 30s"), "{rejection}");
    assert_eq!(rejection.cause().unwrap().kind, Kind::Unavailable);
    assert!(format!("{error:#}").contains("503 Service Unavailable"), "{error:#}");
}

/// [S28] a server that hangs costs an attempt timeout, not the call.
#[tokio::test]
async fn a_hang_is_cut_and_repeated() {
    let server = Server::start(&[Hang, OK]).await;
    let client = client().attempt_timeout(100 * MS).service(reqwest::Client::new()).unwrap();
    assert_eq!(get(&client, &server).await.unwrap().status(), 200);
    assert_eq!(server.requests(), 2);
}

/// [S28] the deadline cuts a call whose attempts would go on, and tells the last real failure.
#[tokio::test]
async fn the_deadline_tells_the_last_failure() {
    let server = Server::start(&[DOWN, Hang]).await;
    let client = client().deadline(200 * MS).service(reqwest::Client::new()).unwrap();
    let error = get(&client, &server).await.unwrap_err();
    assert_eq!((error.kind(), server.requests()), (Kind::DeadlineExceeded, 2));
    assert_eq!(error.find::<Rejection>().unwrap().cause().unwrap().kind, Kind::Unavailable);
}

/// The deadline goes only to an origin that is trusted with it.
#[tokio::test]
async fn the_deadline_goes_to_trusted_origins() {
    let server = Server::start(&[OK]).await;
    let trusting = client().send_deadline_to(&server.url).service(reqwest::Client::new()).unwrap();
    get(&trusting, &server).await.unwrap();
    get(&client().service(reqwest::Client::new()).unwrap(), &server).await.unwrap();
    let heads = server.heads.lock().unwrap();
    let has = |request: usize| heads[request].contains_key(buttress::http::DEADLINE);
    assert_eq!((has(0), has(1)), (true, false));
}

/// [S4] two clients with one breaker share it, as clones of one client do.
#[tokio::test]
async fn clients_can_share_a_breaker() {
    let breaker = Breaker::new("payments");
    let one = client().breaker(breaker.clone()).service(reqwest::Client::new()).unwrap();
    let other = client().breaker(breaker.clone()).service(reqwest::Client::new()).unwrap();
    breaker.force_open();
    let server = Server::start(&[OK]).await;
    for client in [one.clone(), one, other] {
        assert_eq!(get(&client, &server).await.unwrap_err().kind(), Kind::Rejected);
    }
}

/// A request that can't be built is the caller's error, and nothing is sent.
#[tokio::test]
async fn a_bad_request_is_an_invalid_argument() {
    let client = client().service(reqwest::Client::new()).unwrap();
    let error = client.send(reqwest::Client::new().get("not a url")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert_eq!((error.domain(), error.location()), (Some("payments"), None));
    assert_eq!(error.to_string(), "payments: invalid request");
}

/// The caller's own line about an error can be joined to what the server and the log have of the call.
#[tokio::test]
async fn the_error_bears_the_request_id() {
    let server = Server::start(&[Status("400 Bad Request")]).await;
    let error = get(&client().service(reqwest::Client::new()).unwrap(), &server).await.unwrap_err();
    let id = error.attrs().find(|(key, _)| *key == "request_id").unwrap().1.to_string();
    assert_eq!(id, server.header(0, "x-request-id"));
}

/// Who wonders why a POST was not repeated finds the answer on the error.
#[tokio::test]
async fn the_error_says_why_it_was_not_repeated() {
    let server = Server::start(&[DOWN]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    let error = client.send(reqwest::Client::new().post(&server.url)).await.unwrap_err();
    assert_eq!(error.retry_summary().unwrap().stopped.as_str(), "not_idempotent");
    assert!(!error.class().exhausted, "somebody who knows better may");
}

/// [S28] a body that stalls ends with an error, long before the deadline.
#[tokio::test]
async fn a_body_is_cut_after_the_idle_timeout() {
    let server = Server::start(&[Half]).await;
    let client = client().idle_timeout(50 * MS).service(reqwest::Client::new()).unwrap();
    let error = get(&client, &server).await.unwrap().text().await.map_err(translate).unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error:?}");
    assert!(error.to_string().starts_with("payments: body idle"), "{error}");
    assert_eq!((client.breaker().stats().succeeded, client.breaker().stats().in_flight()), (1, 0));
}

/// [S20] where bodies are judged, such a body is a failure, and a good one a success.
#[tokio::test]
async fn a_body_is_judged() {
    let server = Server::start(&[Half, OK]).await;
    let client = client().idle_timeout(50 * MS).judge_at_body_end().service(reqwest::Client::new()).unwrap();
    let answer = get(&client, &server).await.unwrap();
    assert_eq!(client.breaker().stats().in_flight(), 1, "it is not over");
    answer.text().await.unwrap_err();
    get(&client, &server).await.unwrap().text().await.unwrap();
    let stats = client.breaker().stats();
    assert_eq!((stats.failed, stats.succeeded, stats.in_flight()), (1, 1, 0));
}

/// [S12] a key of its own makes a POST one that is repeated, with the same key; as a tower service too.
#[tokio::test]
async fn idempotency_keys() {
    let server = Server::start(&[DOWN, OK, OK, DOWN]).await;
    let client = client().idempotency_keys().service(reqwest::Client::new()).unwrap();
    let post = || reqwest::Client::new().post(&server.url).into_request().unwrap();
    client.send(post()).await.unwrap();
    client.clone().oneshot(post()).await.unwrap();
    get(&client, &server).await.unwrap_err();
    let keys = server.headers("idempotency-key");
    assert_eq!(keys.len(), 6, "a POST twice, another once, and a GET three times");
    assert!(keys[0].is_some() && keys[0] == keys[1] && keys[2].is_some() && keys[1] != keys[2], "{keys:?}");
    assert_eq!(keys[3..], [None, None, None]);
}

/// [S17] [S38] the current token is sent with each attempt to its origin, and to no other.
#[tokio::test]
async fn a_token_is_refreshed() {
    let server = Server::start(&[Status("401 Unauthorized"), OK]).await;
    let other = Server::start(&[OK]).await;
    let token = Bearer::new();
    token.set("old").unwrap();
    let policy = Policy::exponential()
        .remedy(on(Kind::Unauthenticated), token.clone(), |token| async move { token.set("new") });
    let bearer = BearerLayer::new(&token, &server.url).unwrap();
    let client = client().retry(policy).bearer(bearer).service(reqwest::Client::new()).unwrap();
    get(&client, &server).await.unwrap();
    get(&client, &other).await.unwrap();
    let sent = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(server.headers("authorization"), [sent("old"), sent("new")]);
    assert_eq!(other.headers("authorization"), [None]);
}

/// The number of the attempt is sent if that is enabled.
#[tokio::test]
async fn the_attempt_is_sent() {
    let server = Server::start(&[DOWN, OK]).await;
    let client = client().send_attempt().service(reqwest::Client::new()).unwrap();
    get(&client, &server).await.unwrap();
    assert_eq!(server.headers("x-request-attempt"), [Some("1".to_owned()), Some("2".to_owned())]);
}

/// Every enabled feature has a line.
#[test]
fn settings_are_explained() {
    let bearer = BearerLayer::new(&Bearer::new(), "https://api.example.com").unwrap();
    let client = client().idempotency_keys().idle_timeout(5_000 * MS).judge_at_body_end().send_attempt();
    let client = client.bearer(bearer).send_deadline_to("https://api.example.com");
    let text = client.service(reqwest::Client::new()).unwrap().explain().to_string();
    for line in [
        "\n  idempotency key ",
        "\n  bearer token ",
        "\n  http             sends the number",
        "\n  http             sends the deadline",
        "\n  body             at most 5s",
        "\n  body             the breaker",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

/// The worst case is one: a call whose attempts hang, and whose remedy does, takes as long as was told.
#[tokio::test(start_paused = true)]
async fn the_worst_case_has_remedies_in_it() {
    let hangs = |()| std::future::pending::<Result<(), buttress::Error>>();
    let policy = Policy::fixed(MS).max_attempts(2).max_retry_after(MS).remedy(on(Kind::Timeout), (), hangs);
    let client = buttress::client("payments")
        .deadline(60_000 * MS)
        .attempt_timeout(1_000 * MS)
        .retry(policy)
        .service(tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<http::Response<Body>, std::io::Error>>()
        }))
        .unwrap();
    let text = client.explain().to_string();
    assert!(text.contains("\n  retry            remedies take up to 10s"), "{text}");
    assert!(text.contains("\nworst case: 2 calls, 12.001s"), "{text}");
    let begin = tokio::time::Instant::now();
    client.send(Request::get("http://payments.internal/").body(()).unwrap()).await.unwrap_err();
    let took = begin.elapsed();
    assert!((12_001 * MS..=12_005 * MS).contains(&took), "{took:?}");
}

/// The defaults agree with each other.
#[test]
fn the_defaults_need_no_warning() {
    let text = OverReqwest::new("payments", reqwest::Client::new()).explain().to_string();
    assert!(!text.contains("warning"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

/// [S28] A call that its caller's deadline cuts says how long the caller gave, and that the deadline was why.
#[tokio::test]
async fn a_callers_deadline_is_reported_as_given() {
    let server = Server::start(&[DOWN, Hang]).await;
    let client = client().service(reqwest::Client::new()).unwrap();
    let cx = Context::current().with_timeout(500 * MS);
    tokio::time::sleep(100 * MS).await;
    let error = cx.scope(get(&client, &server)).await.unwrap_err();
    assert_eq!((error.kind(), server.requests()), (Kind::DeadlineExceeded, 2));
    let cut = error.find::<Rejection>().unwrap();
    assert_eq!((cut.reason(), cut.limit()), (RejectionReason::Deadline, Some(500 * MS)));
    assert!(cut.elapsed() >= 500 * MS, "{:?}", cut.elapsed());
    assert_eq!(cut.cause().unwrap().kind, Kind::Unavailable);
}

/// [S12] A POST with a key that is cut while the server works on it is sent again with that key, until the server
/// has its answer.
#[tokio::test]
async fn a_post_that_is_still_running_is_asked_for_again() {
    const BUSY: Answer = Status("409 Conflict");
    let server = Server::start(&[Hang, BUSY, BUSY, OK]).await;
    let client = client().retry(quick(4)).attempt_timeout(200 * MS).idempotency_keys();
    let client = client.service(reqwest::Client::new()).unwrap();
    let charge = Request::post(&server.url).body(()).unwrap();
    assert_eq!(client.send(charge).await.unwrap().status(), 200);
    let keys: BTreeSet<_> = server.headers("idempotency-key").into_iter().collect();
    assert_eq!((server.requests(), keys.len()), (4, 1));
}
