//! Good answers whose bodies end in every way, over real connections: what a breaker makes of them, and what a reader sees.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer, BreakerService};
use buttress_error::{ByKind, Kind};
use buttress_http::{AtBodyEnd, Body, HttpLayer, HttpService, at_body_end, translate};
use common::{Server, Then, get, send};
use http::{Method, Request};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::{Layer, ServiceBuilder, ServiceExt};

const MS: Duration = Duration::from_millis(1);

type Judged = BreakerService<HttpService<reqwest::Client, reqwest::Request>, AtBodyEnd<ByKind>>;

/// A client whose breaker waits for the end of bodies.
fn judged(breaker: &Breaker, idle: Duration) -> Judged {
    ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker).classifier(at_body_end(ByKind)))
        .layer(HttpLayer::new("files").judge_at_body_end().idle_timeout(idle))
        .service(reqwest::Client::builder().no_proxy().build().unwrap())
}

fn hang(text: &str) -> Then {
    Then::Hang(text.replace('\n', "\r\n").into_bytes())
}

/// What a reader does with an answer.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// Reads it to its end.
    All,
    /// Takes one part, and drops the rest.
    Half,
    /// Drops it.
    None,
}
use Reader::{All, Half};

/// What the breaker has counted then.
#[derive(Debug, PartialEq)]
enum Counted {
    Succeeded,
    Failed,
    Abandoned,
}
use Counted::{Abandoned, Failed, Succeeded};

/// How a breaker takes this answer to a request of this method; and what the reader got, or why not.
async fn counted(
    case: &str,
    then: Then,
    method: Method,
    reader: Reader,
    idle: Duration,
) -> (Counted, Result<Vec<u8>, Kind>) {
    let breaker = Breaker::new("files");
    let server = Server::start(then).await;
    let request = Request::builder().method(method).uri(&server.url).body(Body::empty()).unwrap();
    let answer = judged(&breaker, idle).oneshot(request).await.unwrap();
    let before = breaker.stats();
    assert_eq!(before.admitted, 1);
    let read = match reader {
        All => answer.bytes().await.map(Vec::from).map_err(|error| translate(error).kind()),
        Half => {
            assert_eq!(before.in_flight(), 1, "it is not over");
            let mut body = http::Response::<reqwest::Body>::from(answer).into_body();
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            Ok(first.into())
        }
        Reader::None => {
            drop(answer);
            Ok(Vec::new())
        }
    };
    let after = breaker.stats();
    assert_eq!(after.in_flight(), 0, "{case}: {after:?}");
    let settled = (after.succeeded, after.failed, after.neutral, after.abandoned);
    assert_eq!(after.throttled + after.late + after.rejected, 0, "{after:?}");
    let counted = match settled {
        (1, 0, 0, 0) => Succeeded,
        (0, 1, 0, 0) => Failed,
        (0, 0, 1, 1) => Abandoned,
        _ => panic!("{after:?}"),
    };
    (counted, read)
}

/// [S1] [S20] each call is settled once, however its body ends, and nothing stays in flight.
#[tokio::test]
async fn a_breaker_counts_each_body_once() {
    let text = |text: &str| Ok(text.as_bytes().to_vec());
    let long = "HTTP/1.1 200 OK\nContent-Length: 10\n\nhello";
    let chunked = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n";
    let close = "HTTP/1.1 200 OK\n\nhello";
    let empty = "HTTP/1.1 200 OK\nContent-Length: 0\n\n";
    let trailers = |media: &str, status: &str| {
        Then::answer(&format!(
            "HTTP/1.1 200 OK\nContent-Type: {media}\nTransfer-Encoding: chunked\nTrailer: grpc-status\n\n5\nhello\n0\n\
             grpc-status: {status}\n\n"
        ))
    };
    let grpc = "application/grpc";
    let cases = [
        ("whole, of known length", Then::answer(&format!("{long}world")), All, Succeeded, text("helloworld")),
        ("whole, in chunks", Then::answer(&format!("{chunked}0\n\n")), All, Succeeded, text("hello")),
        ("whole, up to the end of the connection", Then::answer(close), All, Succeeded, text("hello")),
        ("dropped in the middle", hang(long), Half, Abandoned, text("hello")),
        ("dropped in the middle, in chunks", hang(chunked), Half, Abandoned, text("hello")),
        ("never asked for", hang(long), Reader::None, Abandoned, text("")),
        ("never asked for, in chunks", hang(chunked), Reader::None, Abandoned, text("")),
        ("stalled", hang(long), All, Failed, Err(Kind::Timeout)),
        ("stalled, in chunks", hang(chunked), All, Failed, Err(Kind::Timeout)),
        ("closed too soon", Then::answer(long), All, Failed, Err(Kind::Unavailable)),
        ("closed too soon, in chunks", Then::answer(chunked), All, Failed, Err(Kind::Unavailable)),
        (
            "closed in the size of a chunk",
            Then::answer(&format!("{chunked}7")),
            All,
            Failed,
            Err(Kind::Unavailable),
        ),
        ("no chunks", Then::answer(&format!("{chunked}none\n")), All, Failed, Err(Kind::BadResponse)),
        ("empty", Then::answer(empty), All, Succeeded, text("")),
        ("empty, never asked for", Then::answer(empty), Reader::None, Succeeded, text("")),
        (
            "empty, in chunks",
            Then::answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n\n"),
            All,
            Succeeded,
            text(""),
        ),
        ("204", Then::answer("HTTP/1.1 204 No Content\n\n"), Reader::None, Succeeded, text("")),
        ("trailers of gRPC, good", trailers(grpc, "0"), All, Succeeded, text("hello")),
        ("trailers of gRPC, bad", trailers(grpc, "14"), All, Failed, text("hello")),
        ("trailers of gRPC, dropped before", trailers(grpc, "14"), Half, Abandoned, text("hello")),
        ("trailers of others", trailers("text/plain", "14"), All, Succeeded, text("hello")),
    ];
    for (case, then, reader, expected, read) in cases {
        // Short only where it is to end the body.
        let idle = if read == Err(Kind::Timeout) { 20 * MS } else { 60_000 * MS };
        let got = counted(case, then, Method::GET, reader, idle).await;
        assert_eq!(got, (expected, read), "{case}");
    }
    // A HEAD has no body, whatever its head says.
    let head = Then::answer("HTTP/1.1 200 OK\nContent-Length: 10\n\n");
    assert_eq!(counted("HEAD", head, Method::HEAD, Reader::None, 60_000 * MS).await, (Succeeded, text("")));
}

/// All that a reader can see of an answer before its body.
fn head(answer: &reqwest::Response) -> String {
    let reason = answer.extensions().get::<hyper::ext::ReasonPhrase>();
    format!(
        "{} {} {:?} {:?} {:?} {:?} {:?}",
        answer.url(),
        answer.status(),
        answer.version(),
        answer.remote_addr().map(|addr| addr.ip()),
        answer.headers(),
        answer.content_length(),
        reason.map(hyper::ext::ReasonPhrase::as_bytes),
    )
}

/// A guarded answer is that of reqwest alone, in its head and by each of its readers; also where it was led elsewhere, and
/// where the status is bad and passed on.
#[tokio::test]
async fn a_guarded_answer_is_reqwests_own() {
    let json = "{\"id\":\"größer\"}";
    let head_of = |status: &str| format!("HTTP/1.1 {status}\nX-A: 1\nX-A: 2\nSet-Cookie: a=b\n");
    let known = format!("{}Content-Length: {}\n\n{json}", head_of("200 Very Well"), json.len());
    let chunks =
        format!("{}Transfer-Encoding: chunked\n\n{:x}\n{json}\n0\n\n", head_of("200 OK"), json.len());
    let to_the_end = format!("{}\n{json}", head_of("201 Made"));
    let bad = format!("{}Content-Length: {}\n\n{json}", head_of("503 Lunch"), json.len());
    let empty = format!("{}Content-Length: 0\n\n", head_of("200 OK"));
    let bare = reqwest::Client::builder().no_proxy().build().unwrap();
    let layer = HttpLayer::new("files").judge_at_body_end().idle_timeout(60_000 * MS).pass_bad_statuses();
    for (text, good) in [(known, true), (chunks, true), (to_the_end, true), (bad, false), (empty, true)] {
        let server = Server::answers(&text).await;
        let led = Then::answer(&format!(
            "HTTP/1.1 302 Found\nLocation: {}/to?a=b#c\nContent-Length: 0\n\n",
            server.url
        ));
        let leading = Server::start(led).await;
        for url in [format!("{}/at?a=b", server.url), leading.url.clone()] {
            let alone = async || bare.get(&url).send().await.unwrap();
            let guarded = async || send(&mut layer.layer(bare.clone()), get(&url)).await.unwrap();
            let seen = head(&guarded().await);
            assert_eq!(seen, head(&alone().await));
            assert_eq!(guarded().await.text().await.unwrap(), alone().await.text().await.unwrap());
            assert_eq!(guarded().await.bytes().await.unwrap(), alone().await.bytes().await.unwrap());
            let (mut part, mut all) = (guarded().await, Vec::new());
            while let Some(chunk) = part.chunk().await.unwrap() {
                all.extend_from_slice(&chunk);
            }
            assert_eq!(all, alone().await.bytes().await.unwrap());
            let read = guarded().await.json::<serde_json::Value>().await.ok();
            assert_eq!(read, alone().await.json().await.ok());
            let refused = guarded().await.error_for_status();
            assert_eq!(refused.is_ok(), good);
            if let Err(error) = refused {
                let same = alone().await.error_for_status().unwrap_err();
                assert_eq!((error.status(), error.url()), (same.status(), same.url()));
            }
        }
    }
}

/// What a request was built with is not lost on its way down.
#[tokio::test]
async fn a_request_keeps_its_own_settings() {
    let server = Server::start(Then::Hang(vec![])).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = buttress_http::IntoRequest::into_request(http.get(&server.url).timeout(20 * MS)).unwrap();
    let error = send(&mut HttpLayer::new("files").layer(http), request).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Timeout, "files: timed out"));
}

/// A connection that is handed over is one, guarded or not; the call ended well with its head.
#[tokio::test]
async fn an_upgrade() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut head).await.unwrap();
        }
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.unwrap();
        stream.write_all(&word).await.unwrap();
    });
    let breaker = Breaker::new("files");
    let request = Request::get(&url).header("connection", "upgrade").header("upgrade", "echo");
    let answer = judged(&breaker, 60_000 * MS).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let stats = breaker.stats();
    assert_eq!((stats.succeeded, stats.in_flight()), (1, 0));
    let mut stream = answer.upgrade().await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut word = [0; 5];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"hello");
}
