//! Over reqwest's HTTP/2, against a server that refuses, frame by frame ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)).
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::net::SocketAddr;

use buttress_error::{Delivery, Kind};
use buttress_http::Body;
use common::{client, send};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
}

fn frame(kind: u8, stream: u32, payload: &[u32]) -> Vec<u8> {
    let length = u32::try_from(4 * payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, 0];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload.iter().flat_map(|word| word.to_be_bytes()));
    frame
}

/// Answers each stream of a connection in this way.
async fn refuse(mut stream: TcpStream, then: Then) -> std::io::Result<()> {
    stream.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await?;
    stream.write_all(&frame(SETTINGS, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if head[3] == HEADERS {
            let answer = match then {
                Then::Reset(code) => frame(RST_STREAM, id, &[code]),
                Then::GoAway(code) => frame(GOAWAY, 0, &[0, code]),
            };
            stream.write_all(&answer).await?;
        }
    }
}

async fn server(then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // reqwest tries refused streams again by itself, on new connections.
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(refuse(stream, then));
        }
    });
    addr
}

async fn refused_by(then: Then) -> (Kind, Delivery) {
    let addr = server(then).await;
    let mut client = client(reqwest::Client::builder().http2_prior_knowledge());
    let request = Request::post(format!("http://{addr}/")).body(Body::from("x")).unwrap();
    let error = send(&mut client, request).await.unwrap_err();
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
