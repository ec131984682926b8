//! A bad status is not lost to its own body, whatever limits are set around.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

#[cfg(feature = "reqwest")]
mod common;

use std::convert::Infallible;
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_context::Context;
use buttress_error::{Error, Kind};
use buttress_http::{BadStatus, Body, HttpLayer};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// A body that begins with this, and never ends.
fn stalls_after(begin: &'static str) -> Body {
    /// Of its own sender, so it never ends.
    struct Frames {
        frames: mpsc::Receiver<&'static str>,
        _sender: mpsc::Sender<&'static str>,
    }

    impl futures_core::Stream for Frames {
        type Item = Result<Frame<Bytes>, Infallible>;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            self.frames.poll_recv(cx).map(|text| text.map(|text| Ok(Frame::data(text.into()))))
        }
    }
    let (sender, frames) = mpsc::channel(1);
    if !begin.is_empty() {
        sender.try_send(begin).unwrap();
    }
    Body::streaming(StreamBody::new(Frames { frames, _sender: sender }))
}

/// Answers after `head` with this status, `Retry-After: 7`, and a body that begins with `begin` and stalls.
async fn answer(status: u16, head: Duration, begin: &'static str) -> Result<Response<Body>, Infallible> {
    sleep(head).await;
    Ok(Response::builder().status(status).header("retry-after", "7").body(stalls_after(begin)).unwrap())
}

fn http_classifier() -> HttpLayer<Request<Body>> {
    HttpLayer::new("payments")
}

/// How a call ends, and when.
async fn ends<S>(service: S) -> (Error, Duration)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Error>,
{
    let start = Instant::now();
    let error = service.oneshot(Request::new(Body::empty())).await.unwrap_err();
    (error, start.elapsed())
}

/// [S28] [S10] The head of a 429 after 260 ms, then its body stalls: the attempt timeout of 400 ms ends with the head. The
/// status and its `Retry-After` stay, with what has come of the body.
#[tokio::test(start_paused = true)]
async fn a_stalled_error_body_keeps_its_status() {
    for (status, kind) in [(429, Kind::Throttled), (503, Kind::Unavailable), (404, Kind::NotFound)] {
        for begin in ["", "slow down"] {
            let service = service_fn(move |_: Request<Body>| answer(status, 260 * MS, begin));
            let breaker = Breaker::builder("payments").build().unwrap();
            let stack = ServiceBuilder::new()
                .layer(BreakerLayer::new(breaker))
                .layer(AttemptTimeoutLayer::new(400 * MS))
                .layer(http_classifier())
                .service(service);
            let (error, took) = ends(stack).await;
            assert_eq!((error.kind(), took), (kind, 400 * MS), "{status} {begin:?}");
            let bad = error.find::<BadStatus>().unwrap();
            assert_eq!((bad.status().as_u16(), &bad.body()[..]), (status, begin.as_bytes()));
            let wait = matches!(status, 429 | 503).then_some(7_000 * MS);
            assert_eq!(error.class().retry_after, wait);
        }
    }
}

/// [S28] Whichever limit is around, and whatever time the body is given: the status wins.
#[tokio::test(start_paused = true)]
async fn a_status_wins_over_every_limit() {
    let service = || service_fn(|_: Request<Body>| answer(429, 260 * MS, "slow"));
    let patient = || http_classifier().error_body(1_024, 60_000 * MS);

    let stack = ServiceBuilder::new().layer(AttemptTimeoutLayer::new(400 * MS)).layer(patient());
    let (error, took) = ends(stack.service(service())).await;
    assert_eq!((error.kind(), took), (Kind::Throttled, 400 * MS));

    let two = ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(350 * MS))
        .layer(AttemptTimeoutLayer::new(400 * MS))
        .layer(patient());
    assert_eq!(ends(two.service(service())).await.0.kind(), Kind::Throttled);

    // Of what a deadline leaves, the body gets half at most.
    let stack = ServiceBuilder::new().layer(DeadlineLayer::new(400 * MS)).layer(patient());
    let (error, took) = ends(stack.service(service())).await;
    assert_eq!((error.kind(), took), (Kind::Throttled, 330 * MS));

    let stack = ServiceBuilder::new()
        .layer(DeadlineLayer::new(300 * MS))
        .layer(AttemptTimeoutLayer::new(400 * MS))
        .layer(patient());
    assert_eq!(ends(stack.service(service())).await.0.kind(), Kind::Throttled);

    let stack = AttemptTimeoutLayer::new(400 * MS);
    let stack = ServiceBuilder::new().layer(stack).layer(patient()).service(service());
    let within = Context::default().with_timeout(310 * MS);
    assert_eq!(within.scope(ends(stack)).await.0.kind(), Kind::Throttled);

    // Without any limit, the time for the body is that of the setting.
    let (error, took) = ends(ServiceBuilder::new().layer(http_classifier()).service(service())).await;
    assert_eq!((error.kind(), took), (Kind::Throttled, 760 * MS));
}

/// [S28] A head that comes at the limit is in time; one that comes after it is not.
#[tokio::test(start_paused = true)]
async fn a_head_in_time() {
    for (head, kind) in [(400, Kind::Throttled), (401, Kind::Timeout)] {
        let service = service_fn(move |_: Request<Body>| answer(429, head * MS, "slow"));
        let stack = ServiceBuilder::new().layer(AttemptTimeoutLayer::new(400 * MS)).layer(http_classifier());
        let (error, took) = ends(stack.service(service)).await;
        assert_eq!((error.kind(), took), (kind, 400 * MS));
    }
}

/// [S10] Over a socket: one request, and the wait that the server asked for.
#[cfg(feature = "reqwest")]
#[tokio::test]
async fn a_stalled_error_body_is_no_timeout() {
    use common::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        sleep(260 * MS).await;
        let head = "HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\nslow";
        stream.write_all(head.as_bytes()).await.unwrap();
        // Until the client closes.
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    });
    let client = ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(1_000 * MS))
        .layer(HttpLayer::new("payments").error_body(1_024, 60_000 * MS))
        .service(reqwest::Client::builder().no_proxy().build().unwrap());
    let error = client.oneshot(get(&url)).await.unwrap_err();
    assert_eq!((error.kind(), error.class().retry_after), (Kind::Throttled, Some(7_000 * MS)));
    assert_eq!(error.find::<BadStatus>().unwrap().body(), "slow");
    server.await.unwrap();
}
