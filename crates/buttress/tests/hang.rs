//! What hangs below the ready-made stack: it costs the deadline, and the breaker sees it.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::future::{Pending, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use buttress::{Body, Classify, Client, Kind, Policy, client};
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

/// [S1] [S19] Two calls into a hung dependency open the circuit: each attempt counts.
#[tokio::test(start_paused = true)]
async fn two_calls_into_a_hang_open_the_circuit() {
    let client = Client::new("payments", service_fn(hang));
    let begin = Instant::now();
    let error = client.send(get()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_summary().unwrap().attempts), (Kind::Timeout, 4), "all four fit");
    assert!(begin.elapsed() < SECOND * 30, "{:?}: before the deadline", begin.elapsed());
    assert_eq!(client.breaker().stats().failed, 4);
    client.send(get()).await.unwrap_err();
    assert!(client.breaker().state().is_open(), "{:?}", client.breaker().stats());
}

/// [S1] An attempt that its caller drops is a hang after half of the attempt timeout, and none before that.
#[tokio::test(start_paused = true)]
async fn half_of_the_attempt_timeout_is_a_hang() {
    for (given, failed) in [(SECOND * 34 / 10, 0), (SECOND * 36 / 10, 1)] {
        let client = Client::new("payments", service_fn(hang));
        tokio::time::timeout(given, client.send(get())).await.unwrap_err();
        assert_eq!(client.breaker().stats().failed, failed, "after {given:?}");
    }
}

/// [S22] A probe holds its slot as long as an attempt may take, neither shorter nor longer.
#[tokio::test(start_paused = true)]
async fn the_lease_of_a_probe_is_the_attempt_timeout() {
    for attempt in [SECOND * 2, SECOND * 7, SECOND * 20] {
        let down =
            service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(std::io::Error::other("down")) });
        let settings = client("payments").attempt_timeout(attempt).deadline(SECOND * 100);
        let client = settings.retry(Policy::exponential().max_attempts(1)).service(down).unwrap();
        let breaker = client.breaker();
        while breaker.state().is_closed() {
            breaker.admit().unwrap().failure(Kind::Unavailable);
        }
        let wait = breaker.admit().unwrap_err().class().retry_after.unwrap();
        tokio::time::advance(wait).await;
        // Of three probes one may fail. This one does, so that the next one decides.
        breaker.admit().unwrap().failure(Kind::Unavailable);
        // A probe that is never settled: as long as its lease runs, the round waits for it.
        let probe = breaker.admit().unwrap();
        tokio::time::advance(attempt - SECOND / 100).await;
        drop(breaker.admit().expect("the round goes on: the lease of the first probe runs"));
        tokio::time::advance(SECOND / 50).await;
        let refused =
            breaker.admit().map(drop).expect_err("the first probe has outlived its lease: open again");
        assert!(breaker.state().is_open(), "{refused}");
        drop(probe);
    }
}

/// [S1] The breaker sees hangs also where the deadline ends before the attempt timeout does.
#[tokio::test(start_paused = true)]
async fn hangs_that_the_deadline_cuts_open_the_circuit() {
    for deadline in [SECOND * 5, SECOND * 10, SECOND * 30, SECOND / 10] {
        let client = client("payments").deadline(deadline).service(service_fn(hang)).unwrap();
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
        let client = client("payments").deadline(deadline).attempt_timeout(timeout).service(mock).unwrap();
        assert_eq!(client.send(get()).await.unwrap_err().kind(), Kind::NotFound);
    }
}

/// [S1] A caller who gives up early opens nothing.
#[tokio::test(start_paused = true)]
async fn impatient_callers_open_nothing() {
    let client = client("payments").deadline(SECOND * 5).service(service_fn(hang)).unwrap();
    for _ in 0..50 {
        tokio::time::timeout(SECOND * 2, client.send(get())).await.unwrap_err();
    }
    assert!(client.breaker().state().is_closed());
}

/// A client whose pool is used up forever.
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
    let client = client("payments").deadline(SECOND * 5).service(Full).unwrap();
    let begin = Instant::now();
    let error = client.send(get()).await.unwrap_err();
    assert_eq!((error.kind(), begin.elapsed()), (Kind::DeadlineExceeded, SECOND * 5));
}

/// [S28] The wait and the call share one deadline.
#[tokio::test(start_paused = true)]
async fn a_late_call_has_what_is_left() {
    let slots = tower::limit::ConcurrencyLimit::new(service_fn(hang), 1);
    let client = client("payments").deadline(SECOND * 5).attempt_timeout(SECOND * 60).service(slots).unwrap();
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
