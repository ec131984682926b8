//! What hangs below the ready-made stack: it costs the deadline, and the breaker sees it.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::future::{Pending, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use buttress::{Body, Kind, client};
use http::{Request, Response};
use tokio::time::Instant;
use tower::{Service, service_fn};

type Answer = Result<Response<Body>, std::io::Error>;

const SECOND: Duration = Duration::from_secs(1);

fn get() -> Request<Body> {
    Request::get("http://payments.internal/").body(Body::empty()).unwrap()
}

async fn hang(_: Request<Body>) -> Answer {
    pending().await
}

/// [S1] The breaker sees hangs also where the deadline ends before the attempt timeout does.
#[tokio::test(start_paused = true)]
async fn hangs_that_the_deadline_cuts_open_the_circuit() {
    for deadline in [SECOND * 5, SECOND * 10, SECOND * 30, SECOND / 10] {
        let client = client("payments").deadline(deadline).service(service_fn(hang));
        for _ in 0..5 {
            client.send(get()).await.unwrap_err();
        }
        assert!(client.breaker().state().is_open(), "deadline {deadline:?}: {:?}", client.breaker().stats());
    }
}

/// The body of a bad answer, of which nothing comes.
#[derive(Debug)]
struct Silent;

impl http_body::Body for Silent {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        Poll::Pending
    }
}

/// [S11] A status whose body hangs is no hang, however short the timeouts.
#[tokio::test(start_paused = true)]
async fn a_status_is_not_lost_to_its_body() {
    let mock = service_fn(|_: Request<Body>| async { Response::builder().status(404).body(Silent) });
    for (deadline, timeout) in [(SECOND * 30, SECOND / 10), (SECOND / 10, SECOND * 10)] {
        let client = client("payments").deadline(deadline).attempt_timeout(timeout).service(mock);
        assert_eq!(client.send(get()).await.unwrap_err().kind(), Kind::NotFound);
    }
}

/// [S1] A caller who gives up early opens nothing.
#[tokio::test(start_paused = true)]
async fn impatient_callers_open_nothing() {
    let client = client("payments").deadline(SECOND * 5).service(service_fn(hang));
    for _ in 0..50 {
        tokio::time::timeout(SECOND * 2, client.send(get())).await.unwrap_err();
    }
    assert!(client.breaker().state().is_closed());
}

/// A client whose pool is used up for ever.
#[derive(Clone)]
struct Full;

impl Service<Request<Body>> for Full {
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = Pending<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        unreachable!("it is never ready")
    }
}

/// [S28] The deadline covers the wait for a client that is not ready.
#[tokio::test(start_paused = true)]
async fn the_deadline_covers_readiness() {
    let client = client("payments").deadline(SECOND * 5).service(Full);
    let begin = Instant::now();
    let error = client.send(get()).await.unwrap_err();
    assert_eq!((error.kind(), begin.elapsed()), (Kind::DeadlineExceeded, SECOND * 5));
}

/// [S28] The wait and the call share one deadline.
#[tokio::test(start_paused = true)]
async fn a_late_call_has_what_is_left() {
    let slots = tower::limit::ConcurrencyLimit::new(service_fn(hang), 1);
    let client = client("payments").deadline(SECOND * 5).attempt_timeout(SECOND * 60).service(slots);
    let first = tokio::spawn({
        let client = client.clone();
        async move { tokio::time::timeout(SECOND * 3, client.send(get())).await.is_err() }
    });
    tokio::task::yield_now().await;
    let begin = Instant::now();
    let error = client.send(get()).await.unwrap_err();
    assert!(first.await.unwrap(), "it held the slot for three seconds");
    assert_eq!((error.kind(), begin.elapsed()), (Kind::DeadlineExceeded, SECOND * 5));
}
