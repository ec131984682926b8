//! Calls that are dropped, cut short, or that panic.

mod support;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

use buttress_breaker::{Breaker, State, Stats};
use buttress_context::Context;
use buttress_error::{Kind, Rejection};
use buttress_test::{Boom, Step, Strict, TestError};
use support::{admit, call, defaults, ms, plain, probe, refused, secs, service, sleep};
use tower::{Service, ServiceExt};

/// Polls once.
fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Task::from_waker(Waker::noop()))
}

/// Drops a call that never answers after `waited`.
async fn hang(breaker: &Breaker, waited: std::time::Duration) -> Stats {
    let mut service = service(breaker, Strict::new().then(Step::never()));
    let future = service.ready().await.expect("ready").call(7);
    tokio::time::timeout(waited, future).await.expect_err("it hangs");
    breaker.stats()
}

/// [S1] a call dropped before it had waited 1 s is neutral, after that a failure; either way it is counted once.
#[tokio::test(start_paused = true)]
async fn patience_is_a_second() {
    let breaker = plain().build().unwrap();
    let stats = hang(&breaker, ms(999)).await;
    assert_eq!((stats.abandoned, stats.neutral, stats.failed, stats.in_flight()), (1, 1, 0, 0));
    let stats = hang(&breaker, ms(1_000)).await;
    assert_eq!((stats.abandoned, stats.neutral, stats.failed, stats.in_flight()), (2, 1, 1, 0));
    assert_eq!(stats.window.total, 1);
}

/// [S1] patience is the slow-call threshold where one is set, and what was asked for where that was.
#[tokio::test(start_paused = true)]
async fn patience_follows_the_settings() {
    let slow = plain().slow_call(ms(200)).build().unwrap();
    assert_eq!(hang(&slow, ms(199)).await.failed, 0);
    assert_eq!(hang(&slow, ms(200)).await.failed, 1);
    let asked = plain().slow_call(ms(200)).patience(secs(3)).build().unwrap();
    assert_eq!(hang(&asked, ms(2_999)).await.failed, 0);
    assert_eq!(hang(&asked, secs(3)).await.failed, 1);
}

/// [S1] hangs that an outer timeout cuts open the circuit, and the refusal says so.
#[tokio::test(start_paused = true)]
async fn hangs_open_the_circuit() {
    let breaker = plain().build().unwrap();
    for _ in 0..5 {
        hang(&breaker, secs(2)).await;
    }
    assert_eq!(refused(&breaker).cause().unwrap().kind, Kind::Timeout);
}

/// [S1] a caller with a deadline of 1 ms can't open the circuit for all: neither when its call is dropped, nor when an
/// inner attempt timeout ends at that deadline.
#[tokio::test(start_paused = true)]
async fn an_impatient_caller_opens_nothing() {
    let breaker = plain().build().unwrap();
    for kind in [Kind::Timeout, Kind::DeadlineExceeded] {
        for _ in 0..50 {
            assert_eq!(hang(&breaker, ms(1)).await.failed, 0);
            let mut service = service(&breaker, Strict::new().then(Step::fail(kind).after(ms(1))));
            let hurried = Context::current().with_timeout(ms(1)).scope(call(&mut service));
            assert_eq!(hurried.await.unwrap_err().kind(), kind);
        }
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.stats().window.total, 0);
    let mut service = service(&breaker, Strict::new().then(Step::fail(Kind::Timeout).after(ms(1))));
    let patient = Context::current().with_timeout(ms(2)).scope(call(&mut service));
    assert_eq!(patient.await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(breaker.stats().failed, 1, "a timeout before the deadline is the dependency's");
}

/// [S1] a dropped probe gives its slot back, from the layer, the function and the permit.
#[tokio::test(start_paused = true)]
async fn slots_come_back() {
    let breaker = defaults().probes(1).build().unwrap();
    drop(probe(&breaker).await);
    for _ in 0..5 {
        hang(&breaker, ms(1)).await;
        let hung = breaker.call(pending::<Result<(), TestError>>);
        tokio::time::timeout(ms(1), hung).await.expect_err("it hangs");
        drop(admit(&breaker));
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(breaker.stats().in_flight(), 0);
    assert_eq!(breaker.stats().rejected, 0);
}

/// [S1] a future that was never polled took nothing.
#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    let breaker = plain().build().unwrap();
    drop(breaker.call(pending::<Result<(), TestError>>));
    assert_eq!(breaker.stats(), Stats::default());
}

/// [S1] a call that has ended is not counted again when its future is dropped.
#[tokio::test(start_paused = true)]
async fn a_finished_call_is_counted_once() {
    let breaker = plain().build().unwrap();
    let mut service = service(&breaker, Strict::new());
    let mut future = Box::pin(service.ready().await.unwrap().call(7));
    assert!(poll(future.as_mut()).is_ready());
    sleep(secs(10)).await;
    drop(future);
    let stats = breaker.stats();
    assert_eq!((stats.admitted, stats.succeeded, stats.abandoned), (1, 1, 0));
}

fn boom(run: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    assert!(Boom::is(&*payload), "the panic goes on unchanged");
}

/// [S2] a panic in a poll is a failure of kind Panic, recorded where it happens: the future is still there.
#[tokio::test(start_paused = true)]
async fn panic_in_a_poll() {
    let breaker = plain().build().unwrap();
    let mut kept = Vec::new();
    for count in 1..=5 {
        let mut service = service(&breaker, Strict::new().then(Step::panic()));
        let mut future = Box::pin(service.ready().await.unwrap().call(7));
        boom(|| drop(poll(future.as_mut())));
        kept.push(future);
        assert_eq!(breaker.stats().failed, count);
    }
    assert_eq!(refused(&breaker).cause().unwrap().kind, Kind::Panic);
    drop(kept);
    let stats = breaker.stats();
    assert_eq!((stats.failed, stats.late, stats.in_flight()), (5, 0, 0), "counted once");
}

/// [S2] a panic in the inner `call`, and in the closure that makes the future.
#[tokio::test(start_paused = true)]
async fn panic_in_call() {
    let breaker = plain().build().unwrap();
    let mut service = service(&breaker, Strict::new().then(Step::panic_in_call()));
    service.ready().await.unwrap();
    boom(|| drop(service.call(7)));
    assert_eq!(breaker.stats().failed, 1);
    let mut inner = Strict::new().then(Step::panic_in_call());
    inner.ready().await.unwrap();
    boom(|| drop(poll(breaker.call(|| inner.call(7)))));
    assert_eq!((breaker.stats().failed, breaker.stats().in_flight()), (2, 0));
}

/// [S2] a panicking probe reopens the circuit, and so its slot.
#[tokio::test(start_paused = true)]
async fn a_panicking_probe_failed() {
    let breaker = plain().build().unwrap();
    probe(&breaker).await.neutral();
    let mut service = service(&breaker, Strict::new().then(Step::panic()));
    let mut future = Box::pin(service.ready().await.unwrap().call(7));
    boom(|| drop(poll(future.as_mut())));
    assert_eq!(breaker.state(), State::Open);
}

/// [S2] a permit that a panic drops is a failure of kind Panic.
#[tokio::test(start_paused = true)]
async fn a_panic_drops_a_permit() {
    let breaker = plain().build().unwrap();
    let mut inner = Strict::new().then(Step::panic_in_call());
    inner.ready().await.unwrap();
    let permit = admit(&breaker);
    boom(|| {
        let _permit = permit;
        drop(inner.call(7));
    });
    assert_eq!(breaker.stats().failed, 1);
}

/// [S2] a call that is dropped by a panic somewhere else did not panic itself.
#[tokio::test(start_paused = true)]
async fn a_panic_elsewhere_is_a_dropped_call() {
    let breaker = plain().build().unwrap();
    let mut service = service(&breaker, Strict::new().then(Step::never()));
    let mut future = Box::pin(service.ready().await.unwrap().call(7));
    assert!(poll(future.as_mut()).is_pending());
    boom(|| {
        let _future = future;
        std::panic::resume_unwind(Box::new(boom_payload()));
    });
    let stats = breaker.stats();
    assert_eq!((stats.failed, stats.neutral, stats.abandoned), (0, 1, 1));
}

/// [S1] a refused call reserves nothing.
#[tokio::test(start_paused = true)]
async fn a_refused_call_reserves_nothing() {
    let breaker = plain().build().unwrap();
    breaker.force_open();
    let refused: Result<(), Rejection> = breaker.call(|| async { Ok(()) }).await;
    refused.unwrap_err();
    assert_eq!(breaker.stats().admitted, 0);
}

/// A value of `Boom`, which only the kit can make: caught from one of its panics.
fn boom_payload() -> Boom {
    let mut inner = Strict::new().then(Step::panic_in_call());
    assert!(poll(inner.ready()).is_ready());
    let payload = catch_unwind(AssertUnwindSafe(|| drop(inner.call(7)))).expect_err("it panics");
    *payload.downcast().expect("the kit panics with it")
}
