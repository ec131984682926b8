//! Calls that end after their response has begun.

mod support;

use std::future::{Ready, ready};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer, State, Window};
use buttress_error::{Classifier, Completion, Kind, Verdict};
use buttress_test::TestError;
use support::{defaults, ms, plain, probe, secs, sleep, trip};
use tower::{Layer, ServiceExt, service_fn};

/// A response with a body: none, if it is whole.
#[derive(Debug)]
struct Reply(Option<Completion>);

/// By status and body, as an HTTP classifier would.
#[derive(Clone)]
struct AtEnd;

impl Classifier<Reply, TestError> for AtEnd {
    fn judge(&self, outcome: &Result<Reply, TestError>) -> Verdict {
        outcome.as_ref().map_or_else(Verdict::failure, |_| Verdict::success())
    }

    fn completion(&self, outcome: &Result<Reply, TestError>) -> Option<Completion> {
        outcome.as_ref().ok()?.0.clone()
    }
}

/// Calls, and gives the body of the response.
async fn call(breaker: &Breaker, body: Option<Completion>) -> Option<Completion> {
    let service = BreakerLayer::new(breaker).classifier(AtEnd).layer(service_fn(move |(): ()| {
        let reply: Ready<Result<Reply, TestError>> = ready(Ok(Reply(body.clone())));
        reply
    }));
    service.oneshot(()).await.expect("the head is good").0
}

async fn streaming(breaker: &Breaker) -> Completion {
    call(breaker, Some(Completion::new())).await.expect("it streams")
}

/// A call is under way until its body ends, and judged by that.
#[tokio::test(start_paused = true)]
async fn the_end_decides() {
    let breaker = plain().build().unwrap();
    assert!(call(&breaker, None).await.is_none());
    assert_eq!(
        (breaker.stats().succeeded, breaker.stats().in_flight()),
        (1, 0),
        "a whole response is judged at once"
    );

    let body = streaming(&breaker).await;
    assert_eq!((breaker.stats().succeeded, breaker.stats().in_flight()), (1, 1));
    body.complete(Verdict::success());
    assert_eq!((breaker.stats().succeeded, breaker.stats().in_flight()), (2, 0));

    for _ in 0..5 {
        streaming(&breaker).await.complete(Verdict::failure(Kind::Unavailable));
    }
    assert_eq!((breaker.state(), breaker.stats().failed), (State::Open, 5));
    assert_eq!(support::refused(&breaker).cause().unwrap().kind, Kind::Unavailable);
}

/// [S1] a dropped body is judged by how long the caller had waited for its next part, not by its age: a caller that stops
/// reading a long stream does not describe the dependency.
#[tokio::test(start_paused = true)]
async fn a_dropped_body() {
    let breaker = plain().build().unwrap();
    let abandon = async |age: Duration, waited: Duration| {
        let body = streaming(&breaker).await;
        sleep(age).await;
        body.abandon(waited);
        breaker.stats()
    };
    assert_eq!(abandon(secs(3_600), secs(0)).await.failed, 0);
    assert_eq!(abandon(secs(3_600), ms(999)).await.failed, 0);
    let stats = abandon(secs(3_600), secs(1)).await;
    assert_eq!((stats.failed, stats.neutral, stats.abandoned, stats.in_flight()), (1, 2, 3, 0));
}

/// [S1] a call whose body was lost without an end is released, and judged by its age.
#[tokio::test(start_paused = true)]
async fn a_lost_body() {
    // A circuit that has no other use for the time of a call.
    let breaker = plain().window(Window::consecutive(5)).build().unwrap();
    drop(streaming(&breaker).await);
    let stats = breaker.stats();
    assert_eq!((stats.abandoned, stats.neutral, stats.in_flight()), (1, 1, 0));

    let body = streaming(&breaker).await;
    sleep(secs(1)).await;
    drop(body);
    let stats = breaker.stats();
    assert_eq!((stats.abandoned, stats.failed, stats.in_flight()), (2, 1, 0));
}

/// A body that ended before its response got here is judged by its end all the same.
#[tokio::test(start_paused = true)]
async fn over_already() {
    let breaker = plain().build().unwrap();
    let body = Completion::new();
    body.complete(Verdict::failure(Kind::DataLoss));
    call(&breaker, Some(body)).await;
    assert_eq!((breaker.stats().failed, breaker.stats().in_flight()), (1, 0));
}

/// [S22] [S23] a probe holds its slot to the end of its body, but not beyond its lease; a body of an earlier epoch
/// changes nothing.
#[tokio::test(start_paused = true)]
async fn probes_and_epochs() {
    let breaker = defaults().probes(1).build().unwrap();
    let early = streaming(&breaker).await;
    probe(&breaker).await.neutral();
    early.complete(Verdict::failure(Kind::Unavailable));
    assert_eq!((breaker.state(), breaker.stats().late), (State::HalfOpen, 1));
    let body = streaming(&breaker).await;
    support::refused(&breaker);
    body.complete(Verdict::success());
    assert_eq!(breaker.state(), State::Closed);

    trip(&breaker);
    sleep(secs(10)).await;
    let body = streaming(&breaker).await;
    sleep(secs(10)).await;
    support::refused(&breaker);
    body.complete(Verdict::success());
    assert_eq!((breaker.stats().expired, breaker.stats().late), (1, 2));
}

/// Slow is a call whose body is: its time is that of all of it.
#[tokio::test(start_paused = true)]
async fn slow_bodies() {
    let breaker = plain().slow_call(secs(2)).build().unwrap();
    let body = streaming(&breaker).await;
    sleep(secs(3)).await;
    body.complete(Verdict::success());
    assert_eq!((breaker.stats().succeeded, breaker.stats().slow), (1, 1));
}

/// [S2] a panic of the body's holder, while it judges the end or reads, is not a failure of the dependency: the call is abandoned.
#[tokio::test(start_paused = true)]
async fn a_panic_that_drops_a_body() {
    let breaker = plain().build().unwrap();
    let body = streaming(&breaker).await;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _body = body;
        std::panic::resume_unwind(Box::new("the reader is broken"));
    }));
    panicked.unwrap_err();
    let stats = breaker.stats();
    assert_eq!((stats.abandoned, stats.neutral, stats.failed, stats.in_flight()), (1, 1, 0, 0));
}
