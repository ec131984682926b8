//! What a dropped call leaves behind: nothing.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_error::{Error, Kind};
use buttress_http::{BadStatus, Body, HttpLayer};
use buttress_test::{TestError, conform};
use buttress_timeout::DeadlineLayer;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

fn request(n: u32) -> Request<Body> {
    Request::get("http://localhost/").body(Body::from(n.to_string())).unwrap()
}

fn number(body: &Body) -> u32 {
    std::str::from_utf8(body.as_bytes().unwrap()).unwrap().parse().unwrap()
}

/// [S1] [S2] [S3] readiness, cancellation and panics, by the conformance kit.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let http = HttpLayer::new("payments");
    conform(|inner| {
        let client = inner
            .map_request(|request: Request<Body>| number(request.body()))
            .map_response(|n: u32| Response::new(Body::from(n.to_string())))
            .map_err(Error::from);
        http.layer(client)
            .map_request(request)
            .map_response(|answer: Response<Body>| number(answer.body()))
            .map_err(|error: Error| error.find::<TestError>().expect("the inner error is kept").clone())
    })
    .run()
    .await;
}

/// Gives `parts` frames and then nothing; counts itself.
#[derive(Debug)]
struct Hanging {
    parts: u32,
    alive: Arc<AtomicU32>,
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl http_body::Body for Hanging {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.parts == 0 {
            return Poll::Pending;
        }
        self.parts -= 1;
        Poll::Ready(Some(Ok(Frame::data("part ".into()))))
    }
}

fn hanging(parts: u32, alive: &Arc<AtomicU32>) -> Response<Hanging> {
    alive.fetch_add(1, Ordering::SeqCst);
    Response::builder().status(503).body(Hanging { parts, alive: Arc::clone(alive) }).unwrap()
}

/// [S1] dropped while it reads the body of a bad answer, a call drops that body.
#[tokio::test(start_paused = true)]
async fn dropped_while_reading() {
    let alive = Arc::<AtomicU32>::default();
    let mock = {
        let alive = Arc::clone(&alive);
        service_fn(move |_: Request<Body>| {
            let answer = hanging(2, &alive);
            async { Ok::<_, Infallible>(answer) }
        })
    };
    let client = HttpLayer::new("payments").layer(mock);
    let call = client.oneshot(request(1));
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// A body that hangs is waited for as long as the setting says, and what came is kept.
#[tokio::test(start_paused = true)]
async fn a_hanging_body_is_cut() {
    let alive = Arc::<AtomicU32>::default();
    let mock = service_fn(|_: Request<Body>| {
        let answer = hanging(2, &alive);
        async { Ok::<_, Infallible>(answer) }
    });
    let start = Instant::now();
    let client = HttpLayer::new("payments").error_body(100, Duration::from_secs(3)).layer(mock);
    let error = client.oneshot(request(1)).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!(error.kind(), Kind::Unavailable);
    let answer = error.find::<BadStatus>().unwrap();
    assert_eq!((answer.body().as_ref(), answer.is_whole()), (&b"part part "[..], false));
}

/// [S11] it takes half of the time that the call has left at most: a status that is there isn't lost to the deadline, and
/// the rest is for another attempt.
#[tokio::test(start_paused = true)]
async fn a_hanging_body_loses_no_status_to_the_deadline() {
    let alive = Arc::<AtomicU32>::default();
    let mock = service_fn(|_: Request<Body>| {
        let answer = hanging(2, &alive);
        async { Ok::<_, Infallible>(answer) }
    });
    let start = Instant::now();
    let client = DeadlineLayer::new(Duration::from_millis(200)).layer(HttpLayer::new("payments").layer(mock));
    let error = client.oneshot(request(1)).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (Kind::Unavailable, Duration::from_millis(100)));
    assert_eq!(error.find::<BadStatus>().unwrap().body(), "part part ");
}

/// Frames without data never end, and take no time: they are read so often and no more.
#[tokio::test(start_paused = true)]
async fn endless_empty_frames_end() {
    #[derive(Debug)]
    struct Empty(u32);
    impl http_body::Body for Empty {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0 += 1;
            assert!(self.0 < 100_000, "they are read without end");
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }
    let mock = service_fn(|_: Request<Body>| async { Response::builder().status(500).body(Empty(0)) });
    let error = HttpLayer::new("payments").layer(mock).oneshot(request(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
}
