//! Over reqwest's HTTP/2, against a server that refuses, frame by frame ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)).
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use buttress_error::{Delivery, Kind};
use buttress_http::Body;
use buttress_retry::{Policy, RetryLayer};
use common::{Client, client, send};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt};

/// Types of frames.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// Error codes.
const NO_ERROR: u32 = 0;
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
}

/// Flags: the end of the stream, and of its headers.
const ENDS: u8 = 0x1 | 0x4;

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
            };
            stream.write_all(&answer).await?;
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
    assert_eq!(refused_by(Then::Reset(REFUSED_STREAM)).await, (Kind::Unavailable, Delivery::NotSent));
}

/// [S12] so it is with a stream that a closing server has not looked at.
#[tokio::test]
async fn a_stream_after_goaway_was_not_processed() {
    assert_eq!(refused_by(Then::GoAway(NO_ERROR)).await, (Kind::Unavailable, Delivery::NotSent));
}

/// [S12] anything else says nothing of the kind.
#[tokio::test]
async fn any_other_end_may_have_been_processed() {
    for then in [Then::Reset(INTERNAL_ERROR), Then::Reset(CANCEL), Then::GoAway(ENHANCE_YOUR_CALM)] {
        assert_eq!(refused_by(then).await, (Kind::Unavailable, Delivery::Unknown));
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
