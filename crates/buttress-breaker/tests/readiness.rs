//! What the breaker makes of a service that is ready, or can't be.

mod support;

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{Error, Kind};
use tower::{Layer, Service, ServiceExt};

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
