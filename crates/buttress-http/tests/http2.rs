//! Over reqwest's HTTP/2, against a server that refuses, frame by frame ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)).
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{ByKind, Delivery, Kind};
use buttress_http::{Body, HttpLayer, at_body_end};
use buttress_retry::{Policy, RetryLayer};
use common::{Client, client, send};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceBuilder, ServiceExt};

/// Types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Error codes.
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

#[derive(Clone, Copy)]
enum Then {
    Reset(u32),
    /// Says that it looked at no stream.
    GoAway(u32),
    /// Refuses so many streams, and then answers 200.
    Refuse(usize),
    /// Says that it has looked at the stream, and closes.
    Leave,
    /// Answers nothing.
    Wait,
    /// Answers as HTTP/1 does.
    Older,
}

/// Flags: the end of the stream, of its headers, and both.
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const ENDS: u8 = END_STREAM | END_HEADERS;

/// `:status: 200`, by its place in the table of HPACK ([RFC 7541](https://www.rfc-editor.org/rfc/rfc7541#appendix-A)).
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, stream: u32, payload: &[u32]) -> Vec<u8> {
    let length = u32::try_from(4 * payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, 0];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload.iter().flat_map(|word| word.to_be_bytes()));
    frame
}

fn ok(stream: u32) -> Vec<u8> {
    let mut frame = frame(HEADERS, stream, &[]);
    frame[2] = 1;
    frame[4] = ENDS;
    frame.push(STATUS_200);
    frame
}

/// Answers each stream of a connection in this way.
async fn refuse(mut stream: TcpStream, then: Then, streams: Arc<AtomicUsize>) -> std::io::Result<()> {
    stream.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await?;
    stream.write_all(&frame(SETTINGS, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if head[3] == HEADERS {
            let earlier = streams.fetch_add(1, Relaxed);
            let answer = match then {
                Then::Refuse(refused) if earlier < refused => frame(RST_STREAM, id, &[REFUSED_STREAM]),
                Then::Refuse(_) => ok(id),
                Then::Reset(code) => frame(RST_STREAM, id, &[code]),
                Then::GoAway(code) => frame(GOAWAY, 0, &[0, code]),
                Then::Leave => frame(GOAWAY, 0, &[id, NO_ERROR]),
                Then::Wait => Vec::new(),
                Then::Older => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            };
            stream.write_all(&answer).await?;
            if matches!(then, Then::Leave) {
                return Ok(());
            }
        }
    }
}

/// Its address, and how many streams it has seen.
async fn server(then: Then) -> (SocketAddr, Arc<AtomicUsize>) {
    let streams = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&streams);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // reqwest tries refused streams again by itself, on new connections.
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(refuse(stream, then, Arc::clone(&seen)));
        }
    });
    (addr, streams)
}

fn over_http2() -> Client {
    client(reqwest::Client::builder().http2_prior_knowledge())
}

fn post(addr: SocketAddr) -> Request<Body> {
    Request::post(format!("http://{addr}/")).body(Body::from("x")).unwrap()
}

async fn refused_by(then: Then) -> (Kind, Delivery) {
    let (addr, _) = server(then).await;
    let error = send(&mut over_http2(), post(addr)).await.unwrap_err();
    (error.kind(), error.class().delivery)
}

/// [S12] a stream that the server refused was not processed: even a POST may be repeated.
#[tokio::test]
async fn a_refused_stream_was_not_processed() {
    assert_eq!(refused_by(Then::Reset(REFUSED_STREAM)).await, (Kind::Unavailable, Delivery::NotProcessed));
}

/// [S12] so it is with a stream that a closing server has not looked at.
#[tokio::test]
async fn a_stream_after_goaway_was_not_processed() {
    assert_eq!(refused_by(Then::GoAway(NO_ERROR)).await, (Kind::Unavailable, Delivery::NotProcessed));
}

/// [S12] the error code is that of the connection, and says nothing about a stream above the last one.
#[tokio::test]
async fn a_stream_above_the_last_one_was_not_processed() {
    for code in [INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM, PROTOCOL_ERROR] {
        assert_eq!(
            refused_by(Then::GoAway(code)).await,
            (Kind::Unavailable, Delivery::NotProcessed),
            "{code}"
        );
    }
}

/// a head that is none is a bad response, as over HTTP/1, and says so; so is an answer that is no HTTP/2.
#[tokio::test]
async fn a_malformed_answer_is_a_bad_response() {
    let heads: [fn(u32) -> Vec<u8>; 6] = [
        |id| headers(id, ENDS, &[], &[("content-type", "text/plain")]), // no status
        |id| headers(id, ENDS, &[STATUS_200], &[("Upper-Case", "x")]),
        |id| headers(id, ENDS, &[STATUS_200], &[("connection", "close")]),
        |id| headers(id, ENDS, &[STATUS_200], &[("content-length", "9")]),
        |id| headers(id, ENDS, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[]), // no HPACK
        |id| data(id, END_STREAM),                                          // a body before its head
    ];
    for (number, head) in heads.into_iter().enumerate() {
        let error = send(&mut over_http2(), post(answering(head).await)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadResponse, "{number}: {error:?}");
        assert_eq!(error.to_string(), "payments: response is not HTTP", "{number}");
        assert!(!error.class().is_retryable(true), "{number}");
    }
    assert_eq!(refused_by(Then::Older).await.0, Kind::BadResponse);
}

/// [S12] anything else says nothing of the kind: nor does a closing server that has looked at the stream.
#[tokio::test]
async fn any_other_end_may_have_been_processed() {
    for then in [Then::Reset(NO_ERROR), Then::Reset(INTERNAL_ERROR), Then::Reset(CANCEL), Then::Leave] {
        assert_eq!(refused_by(then).await, (Kind::Unavailable, Delivery::Unknown));
    }
}

/// An error says who has ended the connection, and why.
#[tokio::test]
async fn who_has_ended_it() {
    for (then, words) in [
        (Then::GoAway(ENHANCE_YOUR_CALM), "payments: connection closed by goaway"),
        (Then::Older, "payments: response is not HTTP"),
    ] {
        let (addr, _) = server(then).await;
        assert_eq!(send(&mut over_http2(), post(addr)).await.unwrap_err().to_string(), words);
    }
}

/// [S14] reqwest repeats a refused stream by itself, beside every policy and budget, unless it is told not to: then a retry
/// layer's attempts are all there are.
#[tokio::test]
async fn reqwest_repeats_refused_streams_unless_told_not_to() {
    for (told, sent) in [(false, 12), (true, 4)] {
        let (addr, streams) = server(Then::Reset(REFUSED_STREAM)).await;
        let http = reqwest::Client::builder().http2_prior_knowledge();
        let http = if told { http.retry(reqwest::retry::never()) } else { http };
        let policy = Policy::fixed(Duration::from_millis(1)).no_budget().build().unwrap();
        assert!(RetryLayer::new(policy).layer(client(http)).oneshot(post(addr)).await.is_err());
        assert_eq!(streams.load(Relaxed), sent);
    }
}

/// [S12] a POST whose streams are refused is repeated until one is not. (reqwest tries a refused stream again by itself, at
/// once and a few times only.)
#[tokio::test]
async fn a_refused_post_is_repeated() {
    const REFUSED: usize = 20;
    let (addr, streams) = server(Then::Refuse(REFUSED)).await;
    let policy = Policy::fixed(Duration::from_millis(1)).max_attempts(30).no_budget().build().unwrap();
    let answer = RetryLayer::new(policy).layer(over_http2()).oneshot(post(addr)).await.unwrap();
    assert_eq!((answer.status(), streams.load(Relaxed)), (http::StatusCode::OK, REFUSED + 1));
}

/// [S12] any other end of a POST is final.
#[tokio::test]
async fn a_reset_post_is_not_repeated() {
    let (addr, streams) = server(Then::Reset(INTERNAL_ERROR)).await;
    let policy = Policy::fixed(Duration::from_millis(1)).no_budget().build().unwrap();
    assert!(RetryLayer::new(policy).layer(over_http2()).oneshot(post(addr)).await.is_err());
    assert_eq!(streams.load(Relaxed), 1);
}

/// A body that breaks off after its first bytes.
struct Broken {
    begun: bool,
}

impl http_body::Body for Broken {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        let begun = std::mem::replace(&mut self.begun, true);
        let some = || Ok(http_body::Frame::data("some".into()));
        Poll::Ready(Some(if begun { Err(std::io::Error::other("no more of it")) } else { some() }))
    }
}

/// [S20] a request whose own body fails is not the server's fault, though all that HTTP/2 says is that the stream was reset.
#[tokio::test]
async fn a_request_body_that_fails() {
    let (addr, _) = server(Then::Wait).await;
    let body = Body::streaming(Broken { begun: false });
    let request = Request::put(format!("http://{addr}/")).body(body).unwrap();
    let error = send(&mut over_http2(), request).await.unwrap_err();
    assert_eq!((error.kind(), error.class().delivery), (Kind::InvalidArgument, Delivery::Unknown));
    assert_eq!(error.to_string(), "payments: request body failed");
    assert!(error.notes().any(|note| note == "request body: no more of it"), "{error:?}");
}

/// How a breaker that waits for bodies counts a stream that goes like this, and is read to its end: succeeded, failed,
/// abandoned.
async fn counted(frames: fn(u32) -> Vec<u8>) -> (u64, u64, u64) {
    let addr = answering(frames).await;
    let breaker = Breaker::new("files");
    let client = ServiceBuilder::new()
        .layer(BreakerLayer::new(&breaker).classifier(at_body_end(ByKind)))
        .layer(HttpLayer::new("files").judge_at_body_end())
        .service(reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap());
    let answer = client.oneshot(post(addr)).await.unwrap();
    let _ = answer.bytes().await;
    let stats = breaker.stats();
    assert_eq!(stats.in_flight(), 0, "{stats:?}");
    (stats.succeeded, stats.failed, stats.abandoned)
}

/// The address of a server that answers like this.
async fn answering(frames: fn(u32) -> Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = answer(stream, frames).await;
    });
    addr
}

/// Answers the first stream of a connection with these frames.
async fn answer(mut stream: TcpStream, frames: fn(u32) -> Vec<u8>) -> std::io::Result<()> {
    stream.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await?;
    stream.write_all(&frame(SETTINGS, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        if head[3] == HEADERS {
            stream.write_all(&frames(u32::from_be_bytes([head[5], head[6], head[7], head[8]]))).await?;
        }
    }
}

/// Headers, as literals that are not indexed, behind these bytes.
fn headers(stream: u32, flags: u8, begin: &[u8], headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = begin.to_vec();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.bytes());
        }
    }
    let mut frame = frame(HEADERS, stream, &[]);
    (frame[2], frame[4]) = (u8::try_from(block.len()).unwrap(), flags);
    frame.extend(block);
    frame
}

/// A head whose body follows.
fn good_head(stream: u32, media: &str) -> Vec<u8> {
    headers(stream, END_HEADERS, &[STATUS_200], &[("content-type", media)])
}

/// Four bytes of a body.
fn data(stream: u32, flags: u8) -> Vec<u8> {
    let mut frame = frame(DATA, stream, &[7]);
    frame[4] = flags;
    frame
}

/// The end of a stream of gRPC.
fn trailers(stream: u32, status: &str) -> Vec<u8> {
    headers(stream, ENDS, &[], &[("grpc-status", status)])
}

const GRPC: &str = "application/grpc";

/// [S20] Bodies over HTTP/2, by every end.
#[tokio::test]
async fn bodies_are_judged() {
    let (good, bad) = ((1, 0, 0), (0, 1, 0));
    assert_eq!(counted(ok).await, good, "no body");
    let sized = |id| headers(id, ENDS, &[STATUS_200], &[("content-length", "0")]);
    assert_eq!(counted(sized).await, good, "no body, and it says so");
    assert_eq!(counted(|id| [good_head(id, "text/plain"), data(id, END_STREAM)].concat()).await, good);
    assert_eq!(
        counted(|id| [good_head(id, "text/plain"), data(id, 0), data(id, END_STREAM)].concat()).await,
        good
    );
    let reset =
        |id| [good_head(id, "text/plain"), data(id, 0), frame(RST_STREAM, id, &[INTERNAL_ERROR])].concat();
    assert_eq!(counted(reset).await, bad, "reset in the middle");
    let short = |id| {
        let head = headers(id, END_HEADERS, &[STATUS_200], &[("content-length", "9")]);
        [head, data(id, END_STREAM)].concat()
    };
    assert_eq!(counted(short).await, bad, "shorter than it said");
    assert_eq!(counted(|id| [good_head(id, GRPC), data(id, 0), trailers(id, "0")].concat()).await, good);
    assert_eq!(counted(|id| [good_head(id, GRPC), data(id, 0), trailers(id, "14")].concat()).await, bad);
    assert_eq!(counted(|id| [good_head(id, GRPC), trailers(id, "14")].concat()).await, bad);
    let broken_off = |id| [good_head(id, GRPC), data(id, END_STREAM)].concat();
    assert_eq!(counted(broken_off).await, bad, "gRPC without a status");
}
