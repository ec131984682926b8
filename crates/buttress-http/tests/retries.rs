//! Retry and HTTP layer over reqwest, against real servers that fail in all the usual ways.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use buttress_context::{Context, Frame, IDEMPOTENCY_KEY, Replay, Report, RequestId, Scope};
use buttress_error::{Error, Kind, StopReason};
use buttress_http::{Bearer, BearerLayer, Body, HttpLayer, HttpService, Problem, translate};
use buttress_retry::{Budget, Policy, PolicyBuilder, RetryLayer, RetryService, on};
use common::{Seen, Server, Then, get};
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder, ServiceExt};

const MS: Duration = Duration::from_millis(1);

type Client = RetryService<HttpService<reqwest::Client, reqwest::Request>>;

fn policy() -> PolicyBuilder {
    Policy::fixed(MS).max_attempts(3).no_budget()
}

fn over(policy: PolicyBuilder, http: reqwest::ClientBuilder) -> Client {
    ServiceBuilder::new()
        .layer(RetryLayer::new(policy.build().unwrap()))
        .layer(HttpLayer::new("payments").send_attempt())
        .service(http.no_proxy().build().unwrap())
}

fn client() -> Client {
    over(policy(), reqwest::Client::builder())
}

fn post(url: &str) -> Request<Body> {
    Request::post(url).body(Body::from("x")).unwrap()
}

fn with_key(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(IDEMPOTENCY_KEY, "order-17".parse().unwrap());
    request
}

/// The outcome of a call, and what it reported.
async fn call(client: &Client, request: Request<Body>) -> (Result<reqwest::Response, Error>, Report) {
    let cx = Context::default().with_request_id(RequestId::parse("call-1").unwrap());
    let mut scope = Box::pin(Scope::new(Frame::boundary(cx), client.clone().oneshot(request)));
    let outcome = scope.as_mut().await;
    let report = scope.frame().report.clone();
    (outcome, report)
}

/// How often a server is asked that does this once and then answers well, and how the call ended.
async fn asked(then: Then, request: fn(&str) -> Request<Body>) -> (usize, Option<Kind>) {
    let server = Server::script([then, Then::status("200 OK")]).await;
    let (outcome, _) = call(&client(), request(&server.url)).await;
    (server.seen().len(), outcome.err().map(|error| error.kind()))
}

/// [S10] both forms of the header are heeded, and cut to what the policy allows.
#[tokio::test]
async fn retry_after() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for (status, wait) in [("429 Slow Down", "7"), ("503 Busy", "7"), ("429 Slow Down", &date)] {
        let busy = Then::answer(&format!("HTTP/1.1 {status}\nRetry-After: {wait}\nContent-Length: 0\n\n"));
        let server = Server::script([busy, Then::status("200 OK")]).await;
        let client = over(policy().max_retry_after(20 * MS), reqwest::Client::builder());
        let (outcome, report) = call(&client, get(&server.url)).await;
        assert_eq!(outcome.unwrap().status(), 200);
        assert_eq!((report.attempts, report.delay), (2, 20 * MS), "{status} {wait}");
        let asked = report.last.unwrap().error.unwrap().class().retry_after.unwrap();
        assert!(asked == Duration::from_secs(7) || (3500..=3600).contains(&asked.as_secs()), "{asked:?}");
    }
}

/// [S10] [S11] a wait beyond the deadline is none: the call ends at once, with the real failure.
#[tokio::test]
async fn retry_after_the_deadline() {
    let server = Server::answers("HTTP/1.1 503 Busy\nRetry-After: 50\nContent-Length: 0\n\n").await;
    let client = over(policy().max_retry_after(60_000 * MS), reqwest::Client::builder());
    let within = Context::default().with_timeout(40_000 * MS);
    let begin = Instant::now();
    let error = within.scope(client.oneshot(get(&server.url))).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_summary().unwrap().stopped),
        (Kind::Unavailable, StopReason::Deadline)
    );
    assert!(server.seen().len() == 1 && begin.elapsed() < 20_000 * MS);
}

/// [S10] on a status that no wait can mend it means nothing.
#[tokio::test]
async fn retry_after_elsewhere() {
    let late = Then::answer("HTTP/1.1 408 Request Timeout\nRetry-After: 7\nContent-Length: 0\n\n");
    let server = Server::script([late, Then::status("200 OK")]).await;
    let (_, report) = call(&client(), get(&server.url)).await;
    assert_eq!((report.attempts, report.delay), (2, MS));
}

/// [S15] a server that flaps is asked again; it can tell the attempts apart, and that they are one request.
#[tokio::test]
async fn a_flap() {
    let down = Then::status("503 Service Unavailable");
    let server = Server::script([down.clone(), down, Then::status("200 OK")]).await;
    let (outcome, report) = call(&client(), get(&server.url)).await;
    assert_eq!(outcome.unwrap().status(), 200);
    assert_eq!((report.attempts, report.stopped), (3, Some(StopReason::Success)));
    let seen = server.seen();
    let headers = |name: &str| seen.iter().map(|seen| seen.header(name).unwrap()).collect::<Vec<_>>();
    assert_eq!(headers("x-request-attempt"), ["1", "2", "3"]);
    assert_eq!(headers("x-request-id"), ["call-1"; 3]);
}

/// [S12] a POST is repeated with an idempotency key only, and that is the same over all attempts.
#[tokio::test]
async fn a_post_over_a_flap() {
    let down = Then::status("503 Service Unavailable");
    assert_eq!(asked(down.clone(), post).await, (1, Some(Kind::Unavailable)));

    let server = Server::script([down.clone(), down, Then::status("200 OK")]).await;
    let (outcome, _) = call(&client(), with_key(post(&server.url))).await;
    assert_eq!(outcome.unwrap().status(), 200);
    let keys: Vec<_> =
        server.seen().iter().map(|seen| seen.header("idempotency-key").unwrap().to_owned()).collect();
    assert_eq!(keys, ["order-17"; 3]);

    let without = |url: &str| {
        let mut request = post(url);
        request.headers_mut().insert(IDEMPOTENCY_KEY, "".parse().unwrap());
        request
    };
    assert_eq!(asked(Then::status("503 Service Unavailable"), without).await, (1, Some(Kind::Unavailable)));
}

/// [S12] after a reset the server may have done it.
#[tokio::test]
async fn a_reset_after_the_request_was_read() {
    assert_eq!(asked(Then::Reset, get).await, (2, None));
    assert_eq!(asked(Then::Reset, post).await, (1, Some(Kind::Unavailable)));
    assert_eq!(asked(Then::Reset, |url| with_key(post(url))).await, (2, None));
}

/// A name that leads to this place the first time, and to another after that.
struct Moves {
    asked: AtomicU32,
    first: Ipv4Addr,
}

impl Resolve for Moves {
    fn resolve(&self, _: Name) -> Resolving {
        let first = self.asked.fetch_add(1, Relaxed) == 0;
        let addr = SocketAddr::from((if first { self.first } else { Ipv4Addr::LOCALHOST }, 0));
        Box::pin(std::future::ready(Ok(Box::new([addr].into_iter()) as Addrs)))
    }
}

/// [S12] what the network refused before anybody read it is repeated, POST or not.
#[tokio::test]
async fn a_reset_before_the_request_was_read() {
    for request in [get, post] {
        let server = Server::answers("HTTP/1.1 200 OK\nContent-Length: 0\n\n").await;
        // Nobody listens there: the connection is reset at once.
        let nobody = Moves { asked: AtomicU32::new(0), first: Ipv4Addr::new(127, 0, 0, 66) };
        let client = over(policy(), reqwest::Client::builder().dns_resolver(nobody));
        let url = server.url.replace("127.0.0.1", "payments.test");
        let (outcome, report) = call(&client, request(&url)).await;
        assert_eq!(outcome.unwrap().status(), 200);
        assert_eq!((server.seen().len(), report.attempts), (1, 2));
    }
}

/// [S12] a connection that the server closed while it was idle: the POST gets through, and once.
#[tokio::test]
async fn a_reset_of_an_idle_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = Server::start(Then::Close(answer)).await;
    let client = client();
    for sent in 1..=5 {
        let (outcome, _) = call(&client, post(&server.url)).await;
        assert_eq!(outcome.unwrap().status(), 200);
        assert_eq!(server.seen().len(), sent);
    }
}

/// [S12] a head that breaks off says nothing of what was done.
#[tokio::test]
async fn a_server_that_dies_in_the_head() {
    let dies = Then::Close(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec());
    assert_eq!(asked(dies.clone(), get).await, (2, None));
    assert_eq!(asked(dies, post).await, (1, Some(Kind::Unavailable)));
}

/// A bad answer whose body breaks off is a bad answer, and is repeated.
#[tokio::test]
async fn a_server_that_dies_in_a_bad_answer() {
    let dies = Then::answer("HTTP/1.1 503 Busy\nContent-Length: 100\n\nhello");
    assert_eq!(asked(dies, get).await, (2, None));
}

/// A good answer is the caller's once its head is there: nothing is repeated behind their back.
#[tokio::test]
async fn a_server_that_dies_in_a_good_answer() {
    let server = Server::answers("HTTP/1.1 200 OK\nContent-Length: 100\n\nhello").await;
    let (outcome, report) = call(&client(), get(&server.url)).await;
    let error = outcome.unwrap().text().await.map_err(translate).unwrap_err();
    assert_eq!((error.kind(), server.seen().len(), report.attempts), (Kind::Unavailable, 1, 0));
}

/// A bad answer whose body doesn't come is waited for as long as the setting says, then repeated.
#[tokio::test]
async fn a_slow_body_of_a_bad_answer() {
    let slow = Then::Hang(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhello".to_vec());
    let server = Server::script([slow, Then::status("200 OK")]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(policy().build().unwrap()))
        .layer(HttpLayer::new("payments").error_body(1024, 20 * MS))
        .service(http);
    let call = tokio::time::timeout(Duration::from_secs(60), client.oneshot(get(&server.url)));
    assert_eq!(call.await.expect("it is not waited for").unwrap().status(), 200);
    assert_eq!(server.seen().len(), 2);
}

/// A stream that comes piece by piece, as fast as it is asked for, and may not come to its end.
struct Pieces {
    left: usize,
    size: usize,
    pending: bool,
    hangs: bool,
}

impl http_body::Body for Pieces {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        use std::task::Poll;
        self.pending = !self.pending;
        if self.pending {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left == 0 {
            return if self.hangs { Poll::Pending } else { Poll::Ready(None) };
        }
        self.left -= 1;
        let text = vec![b'a' + u8::try_from(self.left % 26).unwrap(); self.size];
        Poll::Ready(Some(Ok(http_body::Frame::data(text.into()))))
    }
}

fn upload(url: &str, left: usize, size: usize) -> Request<Body> {
    let pieces = Pieces { left, size, pending: false, hangs: false };
    Request::put(url).body(Body::streaming(pieces)).unwrap()
}

/// [S13] a streamed body is sent again, byte for byte, by whichever failure.
#[tokio::test]
async fn a_stream_is_repeated() {
    let reset = Then::Reset;
    let down = Then::status("503 Service Unavailable");
    let server = Server::script([reset, down, Then::status("200 OK")]).await;
    let (outcome, _) = call(&client(), upload(&server.url, 8, 8 * 1024)).await;
    assert_eq!(outcome.unwrap().status(), 200);
    let bodies: Vec<_> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!((bodies.len(), bodies[0].len()), (3, Body::REPLAY_BUFFER));
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2]);
}

/// [S13] a longer one is sent, once.
#[tokio::test]
async fn a_long_stream_is_sent_once() {
    let server = Server::script([Then::status("503 Busy"), Then::status("200 OK")]).await;
    let (outcome, report) = call(&client(), upload(&server.url, 9, 8 * 1024)).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable);
    let bodies: Vec<Seen> = server.seen();
    assert_eq!((bodies.len(), bodies[0].body.len()), (1, 9 * 8 * 1024));
    assert_eq!(report.stopped, Some(StopReason::NotReplayable));
}

/// [S13] nor is one that was answered before it was read.
#[tokio::test]
async fn an_early_answer_is_final() {
    let early = Then::Early(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec());
    let server = Server::start(early).await;
    let pieces = Pieces { left: 3, size: 8, pending: false, hangs: true };
    let request = Request::put(&server.url).body(Body::streaming(pieces)).unwrap();
    let (outcome, report) = call(&client(), request).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!((server.seen().len(), report.stopped), (1, Some(StopReason::NotReplayable)));
}

/// [S13] a server that reads nothing holds the connection of an attempt that was given up, and the body in it, but not the
/// stream: the next attempt gets through.
#[tokio::test]
async fn a_stalled_upload_is_taken_over() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(8).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stalls, is_stalled) = tokio::sync::oneshot::channel();
    let server = tokio::spawn(async move {
        let (stalled, _) = listener.accept().await.unwrap();
        // The request is on its way.
        stalled.readable().await.unwrap();
        stalls.send(()).unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
            while !read.ends_with(b"\r\n0\r\n\r\n") {
                match stream.read(&mut buffer).await {
                    Ok(size) if size > 0 => read.extend_from_slice(&buffer[..size]),
                    _ => break,
                }
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    });
    // More than the buffers of both sides.
    let (pieces, size) = (96, 64 * 1024);
    let request = upload(&url, pieces, size).map(|body| body.replay_buffer(pieces * size));
    let again = request.replay().unwrap();
    let client = HttpLayer::new("files").layer(reqwest::Client::builder().no_proxy().build().unwrap());
    let first = tokio::spawn(client.clone().oneshot(request));
    is_stalled.await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(client.oneshot(again).await.unwrap().status(), 200);
    server.abort();
}

/// A service that calls another through retries of its own, and answers with what came of it.
fn gateway(client: Client, backend: &str) -> Then {
    let url = backend.to_owned();
    Then::handle(move |_head| {
        let call = client.clone().oneshot(get(&url));
        async move {
            match call.await {
                Ok(_) => Response::new("fine".to_owned()),
                Err(error) => Problem::from(error).to_response(),
            }
        }
    })
}

/// [S15] over two real hops the backend is asked as often as by one retry layer, whatever the client's own policy.
#[tokio::test]
async fn retries_of_two_hops_do_not_multiply() {
    let backend = Server::start(Then::status("503 Service Unavailable")).await;
    let middle = Server::start(gateway(client(), &backend.url)).await;
    let outer = Server::start(gateway(client(), &middle.url)).await;
    let client = over(policy().max_attempts(5), reqwest::Client::builder());
    let (outcome, report) = call(&client, get(&outer.url)).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.class().exhausted), (Kind::Unavailable, true));
    assert_eq!((backend.seen().len(), middle.seen().len(), outer.seen().len()), (3, 1, 1));
    assert_eq!((report.attempts, report.stopped), (1, Some(StopReason::NotRetryable)));
}

/// [S15] so it is with budgets, in an outage: each request costs the backend 1 + ratio calls, and the reserve once, not the
/// square of it.
#[tokio::test]
async fn two_budgets_do_not_multiply() {
    const CALLS: usize = 200;
    let with_budget = || {
        // Over 10 s.
        let budget = Budget::ratio(0.2).min_per_second(1).build().unwrap();
        over(policy().max_attempts(4).budget(budget), reqwest::Client::builder())
    };
    let backend = Server::start(Then::status("503 Service Unavailable")).await;
    let middle = Server::start(gateway(with_budget(), &backend.url)).await;
    let client = with_budget();
    for _ in 0..CALLS {
        assert_eq!(call(&client, get(&middle.url)).await.0.unwrap_err().kind(), Kind::Unavailable);
    }
    let (asked, passed) = (backend.seen().len(), middle.seen().len());
    assert_eq!(passed, CALLS, "nothing is left to repeat");
    // Ten more for a machine so slow that the window moves on.
    assert!((CALLS..=CALLS + CALLS / 5 + 10 + 10).contains(&asked), "{asked}");
}

/// [S15] nor do they over a gateway that passes statuses on as they are.
#[tokio::test]
async fn a_status_that_is_passed_on_is_exhausted() {
    let backend = Server::start(Then::status("503 Service Unavailable")).await;
    let url = backend.url.clone();
    let passing = ServiceBuilder::new()
        .layer(RetryLayer::new(policy().build().unwrap()).classifier(buttress_http::http_classifier()))
        .layer(HttpLayer::new("payments").pass_bad_statuses())
        .service(reqwest::Client::builder().no_proxy().build().unwrap());
    let middle = Server::start(Then::handle(move |_head| {
        let call = passing.clone().oneshot(get(&url));
        async move {
            let (head, _) = Response::from(call.await.unwrap()).into_parts();
            let mut answer = Response::from_parts(head, String::new());
            answer.headers_mut().remove("content-length");
            answer
        }
    }))
    .await;
    let (outcome, _) = call(&client(), get(&middle.url)).await;
    assert!(outcome.unwrap_err().class().exhausted);
    assert_eq!((backend.seen().len(), middle.seen().len()), (3, 1));
}

/// [S15] a HEAD has no body that could tell, and a gateway may pass on the head only.
#[tokio::test]
async fn the_head_is_enough() {
    let backend = Server::start(Then::status("503 Service Unavailable")).await;
    let middle = Server::start(gateway(client(), &backend.url)).await;
    let request = Request::head(&middle.url).body(Body::empty()).unwrap();
    let (outcome, _) = call(&client(), request).await;
    assert!(outcome.unwrap_err().class().exhausted);
    assert_eq!((backend.seen().len(), middle.seen().len()), (3, 1));
}

/// [S15] a server that says the contrary causes nothing.
#[tokio::test]
async fn a_mark_causes_no_retry() {
    for status in ["400 Bad Request", "404 Not Found", "500 Internal Server Error"] {
        let server =
            Server::answers(&format!("HTTP/1.1 {status}\nX-Should-Retry: true\nContent-Length: 0\n\n")).await;
        assert!(call(&client(), get(&server.url)).await.0.is_err());
        assert_eq!(server.seen().len(), 1);
    }
    let stops = Server::answers("HTTP/1.1 503 Busy\nX-Should-Retry: false\nContent-Length: 0\n\n").await;
    assert!(call(&client(), get(&stops.url)).await.0.is_err());
    assert_eq!(stops.seen().len(), 1);
}

/// [S15] it stops what the body would have repeated, whatever the status.
#[tokio::test]
async fn a_mark_stops_every_retry() {
    const BODY: &str = r#"{"kind":"unavailable","retry":"call","delivery":"not_processed"}"#;
    for status in [401, 404, 409, 429, 500, 503] {
        let server = Server::start(Then::handle(move |_| async move {
            let answer = Response::builder().status(status).header("x-should-retry", "false");
            answer.header("content-type", "application/problem+json").body(BODY.to_owned()).unwrap()
        }))
        .await;
        let (outcome, report) = call(&client(), get(&server.url)).await;
        assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!((server.seen().len(), report.attempts), (1, 1), "{status}");
    }
}

/// [S17] two hundred callers whose token is not valid any more: one of them refreshes it, and all get their answer.
#[tokio::test]
async fn one_refresh_for_all() {
    const CALLERS: usize = 200;
    let issuer = Server::start(Then::handle(|_| async { Response::new("new".to_owned()) })).await;
    let api = Server::start(Then::handle(|head| async move {
        let status = if head.contains("authorization: bearer new") { 200 } else { 401 };
        Response::builder().status(status).body(String::new()).unwrap()
    }))
    .await;

    let token = Bearer::new();
    token.set("old").unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let state = (token.clone(), http.clone(), issuer.url.clone());
    let refresh = |(token, http, url): (Bearer, reqwest::Client, String)| async move {
        let answer = http.get(url).send().await.map_err(translate)?;
        token.set(&answer.text().await.map_err(translate)?)
    };
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(policy().build().unwrap()).remedy(on(Kind::Unauthenticated), state, refresh))
        .layer(BearerLayer::new(&token, &api.url).unwrap())
        .layer(HttpLayer::new("orders"))
        .service(http);

    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(client.clone().oneshot(get(&api.url)));
    }
    for outcome in callers.join_all().await {
        assert_eq!(outcome.unwrap().status(), 200);
    }
    assert_eq!(issuer.seen().len(), 1);
    let asked = api.seen().len();
    assert!((CALLERS + 1..=2 * CALLERS).contains(&asked), "each at most twice, the first at least: {asked}");
}
