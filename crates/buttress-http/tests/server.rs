//! Over reqwest, against real servers that do everything wrong.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::io::{self, Read, Write};
use std::time::Duration;

use buttress_error::{Class, Delivery, Error, Kind, RetryAdvice};
use buttress_http::{BadStatus, Body, FromHttp, HttpLayer, IntoRequest, translate};
use common::{Client, Server, Then, client, get, send};
use http::{Request, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::util::MapErrLayer;
use tower::{BoxError, Layer, ServiceExt};

fn plain() -> Client {
    client(reqwest::Client::builder())
}

async fn fails(then: Then) -> Error {
    let server = Server::start(then).await;
    send(&mut plain(), get(&server.url)).await.unwrap_err()
}

/// Kind and delivery.
fn what(error: &Error) -> (Kind, Delivery) {
    (error.kind(), error.class().delivery)
}

#[tokio::test]
async fn a_good_answer_keeps_its_type() {
    let server = Server::answers("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello").await;
    let reply: reqwest::Response = send(&mut plain(), get(&server.url)).await.unwrap();
    assert_eq!(reply.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn garbage_is_a_bad_response() {
    let error = fails(Then::Close(b"\x16\x03\x01 no http\r\n\r\n".to_vec())).await;
    assert_eq!(what(&error), (Kind::BadResponse, Delivery::Processed), "{error:?}");
    assert_eq!((error.domain(), error.location()), (Some("payments"), None));
    assert_eq!(error.to_string(), "payments: response is not HTTP");
}

#[tokio::test]
async fn a_header_of_a_megabyte_is_a_bad_response() {
    let head = [b"HTTP/1.1 200 OK\r\nX-Long: ", &[b'a'; 1 << 20][..], b"\r\n\r\n"].concat();
    let error = fails(Then::Close(head)).await;
    assert_eq!(error.kind(), Kind::BadResponse, "{error:?}");
}

#[tokio::test]
async fn an_end_before_the_head_is_unavailable() {
    for bytes in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let error = fails(Then::Close(bytes.into())).await;
        assert_eq!(what(&error), (Kind::Unavailable, Delivery::Unknown), "{error:?}");
        assert_eq!(error.to_string(), "payments: connection closed before the response");
    }
}

/// [S12] after a reset nobody knows whether the request took effect: only an idempotent one may be repeated.
#[tokio::test]
async fn a_reset_is_unavailable_and_nobody_knows() {
    let error = fails(Then::Reset).await;
    assert_eq!(what(&error), (Kind::Unavailable, Delivery::Unknown), "{error:?}");
    assert!(error.class().is_retryable(true) && !error.class().is_retryable(false));
    assert_eq!(error.to_string(), "payments: connection reset");
}

#[tokio::test]
async fn no_answer_is_a_timeout() {
    let server = Server::start(Then::Hang(vec![])).await;
    let mut client = client(reqwest::Client::builder().timeout(Duration::from_millis(50)));
    let error = send(&mut client, get(&server.url)).await.unwrap_err();
    assert_eq!(what(&error), (Kind::Timeout, Delivery::Unknown), "{error:?}");
    assert_eq!(error.to_string(), "payments: timed out");
}

/// [S12] a request that never left may be repeated, whatever its method.
#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    // Nobody listens there any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = Request::post(format!("http://{closed}/")).body(Body::from("x")).unwrap();
    let error = send(&mut plain(), request).await.unwrap_err();
    assert_eq!(what(&error), (Kind::Unavailable, Delivery::NotProcessed), "{error:?}");
    assert!(error.class().is_retryable(false));
    assert!(error.find::<reqwest::Error>().is_some());
    assert_eq!(error.to_string(), "payments: connection refused");
}

/// A resolver without a network.
struct NoName {
    hangs: bool,
}

impl Resolve for NoName {
    fn resolve(&self, _: Name) -> Resolving {
        let hangs = self.hangs;
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Err::<Addrs, BoxError>("no such name".into())
        })
    }
}

#[tokio::test]
async fn a_name_without_address_sent_nothing() {
    let mut client = client(reqwest::Client::builder().dns_resolver(NoName { hangs: false }));
    let error = send(&mut client, get("http://payments.test/")).await.unwrap_err();
    assert_eq!(what(&error), (Kind::Unavailable, Delivery::NotProcessed), "{error:?}");
    assert_eq!(error.to_string(), "payments: name not resolved");
}

#[tokio::test]
async fn a_connection_that_takes_too_long_sent_nothing() {
    let builder = reqwest::Client::builder().dns_resolver(NoName { hangs: true });
    let mut client = client(builder.connect_timeout(Duration::from_millis(20)));
    let error = send(&mut client, get("http://payments.test/")).await.unwrap_err();
    assert_eq!(what(&error), (Kind::Unavailable, Delivery::NotProcessed), "{error:?}");
    assert_eq!(error.to_string(), "payments: connecting timed out");
}

/// The shape in which hyper-rustls reports a certificate that it does not trust.
#[tokio::test]
async fn an_untrusted_certificate_is_never_repeated() {
    let untrusted = |_: BoxError| -> BoxError {
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, "unknown issuer")).into()
    };
    let builder = reqwest::Client::builder().dns_resolver(NoName { hangs: false });
    let mut client = client(builder.connector_layer(MapErrLayer::new(untrusted)));
    let error = send(&mut client, get("http://payments.test/")).await.unwrap_err();
    assert_eq!(what(&error), (Kind::FailedPrecondition, Delivery::NotProcessed), "{error:?}");
    assert_eq!(error.class().retry, RetryAdvice::Never);
}

#[tokio::test]
async fn what_reqwest_cannot_send_is_the_callers_fault() {
    for url in ["ftp://payments.test/", "/relative", "http://[::1"] {
        let Ok(request) = Request::get(url).body(Body::empty()) else { continue };
        let error = send(&mut plain(), request).await.unwrap_err();
        assert_eq!(what(&error), (Kind::InvalidArgument, Delivery::NotProcessed), "{url}: {error:?}");
        assert_eq!(error.domain(), Some("payments"));
    }
    let error = reqwest::Client::new().get("not a url").into_request().unwrap_err();
    assert_eq!(what(&error), (Kind::InvalidArgument, Delivery::NotProcessed));
    assert_eq!((error.to_string().as_str(), error.location()), ("invalid request", None));
}

/// Each error says once which request failed, without what is secret in its URL.
#[tokio::test]
async fn errors_name_the_request() {
    let busy = Server::answers("HTTP/1.1 503 Busy\nContent-Length: 12\n\nbusy\n today").await;
    let reset = Server::start(Then::Reset).await;
    for (server, words) in [(&busy, Some("response: busy today")), (&reset, None)] {
        let url = server.url.replace("http://", "http://user:hunter2@") + "/charges/7?token=hunter2";
        let request = Request::put(url).body(Body::empty()).unwrap();
        let error = send(&mut plain(), request).await.unwrap_err();
        let place = format!("PUT {}/charges/7", server.url);
        let expected: Vec<_> = [Some(place.as_str()), words].into_iter().flatten().collect();
        assert_eq!(error.notes().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn redirects_without_end_are_never_repeated() {
    let server = Server::answers("HTTP/1.1 302 Found\nLocation: /\nContent-Length: 0\n\n").await;
    let error = send(&mut plain(), get(&server.url)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::FailedPrecondition);
    assert_eq!(error.class().retry, RetryAdvice::Never);
}

#[tokio::test]
async fn a_redirect_that_was_not_followed_is_a_bad_response() {
    let server = Server::answers("HTTP/1.1 302 Found\nLocation: /\nContent-Length: 0\n\n").await;
    let mut client = client(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()));
    let error = send(&mut client, get(&server.url)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BadResponse);
}

#[tokio::test]
async fn a_request_body_that_fails_is_not_the_servers_fault() {
    let server = Server::start(Then::Hang(vec![])).await;
    let frames =
        vec![Ok(http_body::Frame::data("x".into())), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    let body = http_body_util::StreamBody::new(tokio_stream(frames));
    let request = Request::post(&server.url).body(Body::streaming(body)).unwrap();
    let error = send(&mut plain(), request).await.unwrap_err();
    assert_eq!(what(&error), (Kind::InvalidArgument, Delivery::Unknown), "{error:?}");
    assert_eq!(error.to_string(), "payments: request body failed");
    assert!(error.notes().any(|note| note == "request body: connection reset"), "{error:?}");
}

/// Nor is the request's body to blame where a connection goes with the runtime that it was made in.
#[test]
fn a_connection_of_a_runtime_that_is_gone() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked_again) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let read_to = |end: &[u8]| {
            let (mut bytes, mut byte) = (Vec::new(), [0]);
            while !bytes.ends_with(end) {
                (&stream).read_exact(&mut byte).unwrap();
                bytes.extend(byte);
            }
        };
        read_to(b"\r\n\r\n");
        (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        read_to(b"\r\n\r\nagain");
        told.send(()).unwrap();
        let _ = (&stream).read(&mut [0]);
    });
    let yields = async || {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    let put = |body| Request::put(&url).body(Body::from(body)).unwrap();
    let client = plain();
    first.block_on(async {
        client.clone().oneshot(put("")).await.unwrap();
        // The connection goes back to its pool.
        yields().await;
    });
    let call = second.spawn(client.oneshot(put("again")));
    second.block_on(yields());
    let in_time = Duration::from_secs(60);
    first.block_on(async { tokio::time::timeout(in_time, asked_again).await.unwrap().unwrap() });
    drop(first);
    let error = second.block_on(call).unwrap().unwrap_err();
    assert_eq!(what(&error), (Kind::Unavailable, Delivery::Unknown), "{error:?}");
    assert_eq!(error.to_string(), "payments: connection closed before the response");
}

fn tokio_stream<T: Unpin>(items: Vec<T>) -> impl futures_core::Stream<Item = T> {
    struct Iter<T>(std::vec::IntoIter<T>);
    impl<T: Unpin> futures_core::Stream for Iter<T> {
        type Item = T;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<T>> {
            std::task::Poll::Ready(self.0.next())
        }
    }
    Iter(items.into_iter())
}

/// What comes after the layer is done.
#[tokio::test]
async fn a_good_answer_whose_body_is_bad() {
    let cases = [
        ("HTTP/1.1 200 OK\nContent-Length: 100\n\nhello", Kind::Unavailable),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhel", Kind::Unavailable),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nnonsense\nhello", Kind::BadResponse),
    ];
    for (answer, kind) in cases {
        let server = Server::answers(answer).await;
        let reply = send(&mut plain(), get(&server.url)).await.unwrap();
        let error = match reply.text().await {
            Ok(text) => panic!("all of it: {text}"),
            Err(error) => translate(error),
        };
        assert_eq!(error.kind(), kind, "{error:?}");
        let place = error.location().expect("made in the program, not in a layer");
        assert_eq!(place.file(), file!());
    }
}

/// [S10] the wait that a 503 asks for is in the error.
#[tokio::test]
async fn a_bad_status_is_an_error_with_the_answer_inside() {
    let server = Server::answers(
        "HTTP/1.1 503 Service Unavailable\nRetry-After: 7\nSet-Cookie: a=secret\nContent-Length: 4\n\nbusy",
    )
    .await;
    let error = send(&mut plain(), get(&server.url)).await.unwrap_err();
    let class = Class::new(Kind::Unavailable).retry_after(Duration::from_secs(7)).dependency();
    assert_eq!(*error.class(), class);
    assert_eq!(error.to_string(), "payments: 503 Service Unavailable");
    let answer = error.find::<BadStatus>().unwrap();
    assert_eq!((answer.body().as_ref(), answer.is_whole()), (&b"busy"[..], true));
    assert_eq!(answer.headers()[header::RETRY_AFTER], "7");
    assert!(!format!("{error:?}{answer:?}").contains("secret"));
}

#[tokio::test]
async fn a_body_that_hangs_or_breaks_loses_no_status() {
    let part = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 100\r\n\r\npart".to_vec();
    for then in [Then::Hang(part.clone()), Then::Close(part)] {
        let server = Server::start(then).await;
        let http = HttpLayer::new("payments").error_body(1024, Duration::from_millis(50));
        let error = send(&mut http.layer(reqwest::Client::new()), get(&server.url)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Throttled);
        let answer = error.find::<BadStatus>().unwrap();
        assert_eq!((answer.body().as_ref(), answer.is_whole()), (&b"part"[..], false));
    }
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let body = "x".repeat(1 << 20);
    let server = Server::answers(&format!("HTTP/1.1 500 Oh\nContent-Length: {}\n\n{body}", body.len())).await;
    let error = send(&mut plain(), get(&server.url)).await.unwrap_err();
    let answer = error.find::<BadStatus>().unwrap();
    assert_eq!((answer.body().len(), answer.is_whole()), (8 * 1024, false));
}

/// [S38] user-info and query of a URL are in no form of an error.
#[tokio::test]
async fn no_secret_of_a_url_is_shown() {
    let server = Server::start(Then::Close(vec![])).await;
    let url = server.url.replace("http://", "http://user:hunter2@") + "/pay?token=hunter2#hunter2";
    let redirect = format!("HTTP/1.1 302 Found\nLocation: {url}\nContent-Length: 0\n\n");
    let redirecting = Server::answers(&redirect).await;
    let cases = [
        (plain(), url),
        (client(reqwest::Client::builder().https_only(true)), redirecting.url.clone() + "/?token=hunter2"),
        (plain(), redirecting.url.clone()),
    ];
    for (mut client, url) in cases {
        let request = reqwest::Client::new().get(url).into_request().unwrap();
        let error = send(&mut client, request).await.unwrap_err();
        let text = format!("{error} {error:#} {error:?} {:?}", error.find::<reqwest::Error>());
        assert!(!text.contains("hunter2"), "{text}");
        assert!(error.notes().any(|note| note.contains("http://127.0.0.1:")), "{text}");
    }
}

/// [S38] a cause that shows a URL of its own goes.
#[tokio::test]
async fn no_secret_of_a_redirect_is_shown() {
    let policy = reqwest::redirect::Policy::custom(|attempt| {
        let inner = reqwest::Client::new().get("ftp://hunter2@x/?token=hunter2").header("\n", "").build();
        let inner = inner.unwrap_err().with_url("ftp://hunter2@x/?token=hunter2".parse().unwrap());
        attempt.error(inner)
    });
    let server = Server::answers("HTTP/1.1 302 Found\nLocation: /\nContent-Length: 0\n\n").await;
    let mut client = client(reqwest::Client::builder().redirect(policy));
    let error = send(&mut client, get(&server.url)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::FailedPrecondition);
    assert!(!format!("{error} {error:#} {error:?}").contains("hunter2"), "{error:?}");
}

/// [S13] reqwest's own requests become ones that can be repeated, byte for byte; its streams as far as they are kept.
#[tokio::test]
async fn requests_of_reqwest() {
    use buttress_context::Replay;

    let http = reqwest::Client::new();
    let request =
        http.post("http://localhost/a?b=c").header("x-a", "1").body("hello").into_request().unwrap();
    let again = request.replay().unwrap();
    assert_eq!(
        (again.method().as_str(), again.uri().to_string().as_str()),
        ("POST", "http://localhost/a?b=c")
    );
    assert_eq!(
        (again.headers()["x-a"].as_bytes(), again.body().as_bytes().unwrap().as_ref()),
        (&b"1"[..], &b"hello"[..])
    );

    // And back: bytes that reqwest can send again itself, to where a redirect points.
    let request = reqwest::Request::from_http(again).unwrap();
    assert_eq!(request.body().unwrap().as_bytes(), Some(&b"hello"[..]));

    let stream = reqwest::Body::wrap(http_body_util::Full::new(bytes::Bytes::from("hello")));
    let request = http.post("http://localhost/").body(stream).into_request().unwrap();
    assert!(request.body().as_bytes().is_none());
    assert!(request.replay().unwrap().replayable());
}
