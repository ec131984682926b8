//! Servers that mean harm, over real connections: what they send is bounded, judged, and never a panic.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::time::Duration;

use buttress_error::{Error, Kind, RetryAdvice};
use buttress_http::{BadStatus, HttpLayer, HttpService};
use buttress_timeout::{AttemptTimeoutLayer, AttemptTimeoutService};
use common::{Client, Server, Then, get, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower::{Layer, ServiceBuilder, ServiceExt};

const MS: Duration = Duration::from_millis(1);

fn plain() -> Client {
    // A slow machine must not look like a slow body.
    let http = HttpLayer::new("payments").error_body(HttpLayer::<()>::ERROR_BODY_LIMIT, 60_000 * MS);
    http.layer(reqwest::Client::builder().no_proxy().build().unwrap())
}

async fn answered(bytes: Vec<u8>) -> Result<reqwest::Response, Error> {
    let server = Server::start(Then::Close(bytes)).await;
    send(&mut plain(), get(&server.url)).await
}

/// The error of an answer with this status line, these header lines, and this body.
async fn fails(status: &str, lines: &[u8], body: &[u8]) -> Error {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    answered([head.as_bytes(), lines, b"\r\n", body].concat()).await.unwrap_err()
}

#[tokio::test]
async fn header_bombs() {
    let many: String = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let error = fails("503 Busy", many.as_bytes(), b"").await;
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::BadResponse, "payments: response is not HTTP")
    );

    // What a client lets through is bounded in the error.
    let long = format!("X-Long: {}\r\nRetry-After: 3\r\n", "y".repeat(100_000));
    let error = fails("503 Busy", long.as_bytes(), b"").await;
    let kept = error.find::<BadStatus>().unwrap().headers();
    let size: usize = kept.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    assert!(size <= BadStatus::MAX_HEADERS, "{size}");
    assert_eq!(error.class().retry_after, Some(Duration::from_secs(3)));
}

/// [S10] what is no wait is none, and what is one is cut to a day.
#[tokio::test]
async fn retry_after_of_every_form() {
    let day = Some(Duration::from_secs(24 * 60 * 60));
    let cases: [(&[u8], Option<Duration>); 16] = [
        (b"-1", None),
        (b"+1", None),
        (b"1.5", None),
        (b"1e3", None),
        (b"0x10", None),
        (b"1, 2", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"7\xff", None),
        (b"0", Some(Duration::ZERO)),
        (b"  7\t", Some(Duration::from_secs(7))),
        (b"99999999999999999999999999999999", day),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", day),
        // Its obsolete forms: RFC 850, which has two digits of the year, and asctime.
        (b"Sunday, 06-Nov-94 08:49:37 GMT", Some(Duration::ZERO)),
        (b"Sun Nov  6 08:49:37 1994", Some(Duration::ZERO)),
        (b"Sun, 06 Nov 1994 08:49:37 +0200", None),
    ];
    for (value, wait) in cases {
        let error = fails("429 Slow", &[b"Retry-After: ", value, b"\r\n"].concat(), b"").await;
        assert_eq!((error.kind(), error.class().retry_after), (Kind::Throttled, wait), "{value:?}");
    }
}

/// Statuses that no server should send, or that have no meaning.
#[tokio::test]
async fn odd_statuses() {
    for (status, kind) in [
        ("300 Many", Kind::BadResponse),
        ("304 Same", Kind::BadResponse),
        ("399 Odd", Kind::BadResponse),
        ("561 Odd", Kind::Internal),
        ("600 Odd", Kind::BadResponse),
        ("999 Odd", Kind::BadResponse),
        ("000 Odd", Kind::BadResponse),
        ("1000 Odd", Kind::BadResponse),
        ("20 Odd", Kind::BadResponse),
    ] {
        let error = fails(status, b"", b"").await;
        assert_eq!((error.kind(), error.advice()), (kind, RetryAdvice::Never), "{status}: {error:?}");
    }
    // Answers in between are none: the last one counts.
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(50);
    let answer = format!("{early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(answered(answer.into_bytes()).await.unwrap().text().await.unwrap(), "ok");
}

/// Not more is read of a bad answer than is kept, and no more memory is used than that.
#[tokio::test]
async fn a_problem_of_100_mebibytes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, written) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 503 Busy\r\nContent-Type: application/problem+json\r\nContent-Length: 104857600\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let part = [b'['; 64 * 1024];
        let mut written = 0_usize;
        while written < 100 << 20 {
            match stream.write(&part).await {
                Ok(size) => written += size,
                Err(_) => break,
            }
        }
        sender.send(written).unwrap();
    });
    let error = send(&mut plain(), get(&url)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let answer = error.find::<BadStatus>().unwrap();
    assert_eq!((answer.body().len(), answer.is_whole()), (HttpLayer::<()>::ERROR_BODY_LIMIT, false));
    // The rest is in the buffers of the connection, which was closed.
    let written = written.await.unwrap();
    assert!(written < 32 << 20, "{written}");
}

/// JSON that is nested as deep as a body can be, texts that are no UTF-8, and what no parser likes.
#[tokio::test]
async fn hostile_problems() {
    let deep = [b"{\"kind\":\"not_found\",\"x\":".to_vec(), vec![b'['; 7_000]].concat();
    let closed = [&deep[..], &vec![b']'; 1][..]].concat();
    let nested = format!("{{\"kind\":\"not_found\",\"x\":{}{}}}", "[".repeat(3_000), "]".repeat(3_000));
    for body in [
        deep,
        closed,
        nested.into_bytes(),
        b"{\"kind\":\"not_found\",\"detail\":\"\xff\xfe\"}".to_vec(),
        b"{\"kind\":\"not_found\",\"detail\":\"\\ud800\"}".to_vec(),
        b"\xef\xbb\xbf{\"kind\":\"not_found\"}".to_vec(),
        b"\0\0\0".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"".to_vec(),
    ] {
        let error = fails("503 Busy", b"Content-Type: application/problem+json\r\n", &body).await;
        let shown = format!("{error} {error:#} {error:?}");
        assert_eq!(error.kind(), Kind::Unavailable, "what can't be read leaves it to the status: {shown}");
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
    let twice = br#"{"kind":"not_found","kind":"throttled","status":-1,"retry_after_ms":-5,"violations":{},"hints":[[[]]]}"#;
    let error = fails("503 Busy", b"Content-Type: application/problem+json\r\n", twice).await;
    assert_eq!(error.kind(), Kind::Throttled, "the last one counts, and members of another type don't");
    assert_eq!(error.class().retry_after, None);
}

/// Headers that are not UTF-8 do not make the response invalid.
#[tokio::test]
async fn headers_that_are_no_text() {
    let lines = b"traceparent: \xff\r\nx-request-id: \xfe\r\nx-should-retry: \xff\r\ngrpc-status: \xff\r\nContent-Type: \xff\r\n";
    let error = fails("503 Busy", lines, b"\xff").await;
    assert_eq!((error.kind(), error.advice()), (Kind::Unavailable, RetryAdvice::Call));
    let good = [&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"[..], lines, b"\r\nok"].concat();
    assert_eq!(answered(good).await.unwrap().text().await.unwrap(), "ok");
}

/// Lengths that contradict each other, or the body.
#[tokio::test]
async fn wrong_lengths() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: 18446744073709551616",
        "Content-Length: 5, 6",
        "Content-Length: five",
    ] {
        let error =
            answered(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhello").into_bytes()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadResponse, "{lines}: {error:?}");
    }
    // More than was declared: the reader gets what was, and the connection is not used again.
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
    let server = Server::start(Then::Close(answer.into())).await;
    let mut client = plain();
    for _ in 0..3 {
        assert_eq!(send(&mut client, get(&server.url)).await.unwrap().text().await.unwrap(), "hello");
    }
    assert_eq!(server.heads().len(), 3);
}

/// [S28] a head that comes byte by byte is cut by the attempt timeout, however long it goes on.
#[tokio::test]
async fn a_slow_head() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, closed) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await.unwrap();
        while stream.write_all(b"y").await.is_ok() {
            tokio::time::sleep(MS).await;
        }
        sender.send(()).unwrap();
    });
    let client: AttemptTimeoutService<HttpService<reqwest::Client, reqwest::Request>> = ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(50 * MS))
        .layer(HttpLayer::new("payments"))
        .service(reqwest::Client::builder().no_proxy().build().unwrap());
    let error = client.oneshot(get(&url)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    closed.await.expect("the connection was let go");
}

/// A bad answer that comes in tiny parts, to a caller who looks at it again and again: all of it is read.
#[tokio::test]
async fn polls_are_no_parts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (go, gone) = oneshot::channel::<()>();
    let body = br#"{"kind":"not_found"}"#;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = format!(
            "HTTP/1.1 500 Oh\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        gone.await.unwrap();
        stream.write_all(body).await.unwrap();
        let _ = stream.read(&mut [0; 1]).await;
    });
    let http = HttpLayer::new("payments").error_body(1024, 60_000 * MS);
    let mut client = http.layer(reqwest::Client::builder().no_proxy().build().unwrap());
    let mut call = std::pin::pin!(send(&mut client, get(&url)));
    let mut go = Some(go);
    let mut polls = 0;
    let error = std::future::poll_fn(|cx| {
        polls += 1;
        if polls == 5_000 {
            let _ = go.take().unwrap().send(());
        }
        if polls < 5_000 {
            cx.waker().wake_by_ref();
        }
        call.as_mut().poll(cx)
    })
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error:?}");
}
