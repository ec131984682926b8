//! What the breaker makes of a service that is ready, or can't be.

mod support;

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{Error, Kind, RejectionReason};
use buttress_test::{Strict, TestError};
use support::{admit, call, plain, secs, service, sleep, trip};
use tower::{Layer, Service, ServiceExt};

/// [S21] [S25] a service that was refused remembers why, and follows the circuit all the same: through orders, the end
/// of its wait, and another opening.
#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_an_open_circuit_ends_with_it() {
    let breaker = plain().build().unwrap();
    let mut service = service(&breaker, Strict::new());
    let mut refused = async || match call(&mut service).await {
        Ok(_) => None,
        Err(TestError::Rejected(rejection)) => Some(rejection),
        Err(error) => panic!("{error}"),
    };

    trip(&breaker);
    for wait in [5, 4, 3] {
        let rejection = refused().await.expect("open");
        assert_eq!((rejection.retry_after(), rejection.elapsed()), (Some(secs(wait)), secs(5 - wait)));
        assert_eq!(rejection.cause().map(|cause| cause.kind), Some(Kind::Unavailable));
        sleep(secs(1)).await;
    }
    breaker.shadow();
    assert!(refused().await.is_none());
    breaker.release();
    assert_eq!(refused().await.and_then(|rejection| rejection.retry_after()), Some(secs(2)));
    breaker.reset();
    assert!(refused().await.is_none());

    (0..5).for_each(|_| admit(&breaker).failure(Kind::Timeout));
    let rejection = refused().await.expect("open again");
    assert_eq!(rejection.cause().map(|cause| cause.kind), Some(Kind::Timeout));
    breaker.force_open();
    assert_eq!(refused().await.map(|rejection| rejection.reason()), Some(RejectionReason::ForcedOpen));
    breaker.reset();
    trip(&breaker);
    assert!(refused().await.is_some());
    sleep(secs(5)).await;
    assert!(refused().await.is_none(), "a probe");
    assert_eq!(breaker.stats().rejected, 7);
}

#[derive(Clone)]
struct NeverReady;

impl Service<u32> for NeverReady {
    type Response = u32;
    type Error = Error;
    type Future = Ready<Result<u32, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Err(Error::new(Kind::Unavailable, "worker is gone")))
    }

    fn call(&mut self, _: u32) -> Self::Future {
        ready(Err(Error::new(Kind::Internal, "called, though it was not ready")))
    }
}

/// What `poll_ready` fails with is passed on and not judged: no call was made.
#[tokio::test(start_paused = true)]
async fn a_failing_readiness_is_passed_on() {
    let breaker = Breaker::new("db");
    let service = BreakerLayer::new(&breaker).layer(NeverReady);
    for _ in 0..30 {
        let error = service.clone().oneshot(1).await.expect_err("it is never ready");
        assert_eq!(error.kind(), Kind::Unavailable);
    }
    assert_eq!((breaker.stats().admitted, breaker.stats().rejected), (0, 0));

    // Also for the probes: such a service keeps the circuit from closing, and no slot is held.
    support::trip(&breaker);
    tokio::time::advance(support::secs(7)).await;
    let error = service.oneshot(1).await.expect_err("it is never ready");
    assert_eq!((error.kind(), breaker.stats().in_flight()), (Kind::Unavailable, 0));
}
