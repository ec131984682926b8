//! What careless changes would break unseen: each test fails on one of them. The settings are explicit, so that the defaults
//! may change.

mod support;

use std::future::{Future, Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, BreakerLayer, BreakerService, Probes, State, Window};
use buttress_error::{Error, Kind, RejectionReason};
use buttress_test::{Strict, TestError};
use support::{admit, exactly, refused, secs, service, sleep};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

/// Opens at two failures in a row, for exactly 5 s.
fn two_in_a_row() -> BreakerBuilder {
    Breaker::builder("db").window(Window::consecutive(2)).open_wait(exactly(secs(5))).abandon_after(secs(1))
}

/// Opens at half of four calls.
fn half_of_four() -> Breaker {
    let builder = Breaker::builder("db").window(Window::count(10)).failure_rate(0.5).minimum_calls(4);
    builder.consecutive_failures(None).open_wait(exactly(secs(5))).build().expect("good settings")
}

fn without_rules() -> BreakerBuilder {
    let builder =
        Breaker::builder("db").window(Window::count(10)).failure_rate(None).consecutive_failures(None);
    builder.abandon_after(secs(1))
}

fn open(breaker: &Breaker) {
    (0..2).for_each(|_| admit(breaker).failure(Kind::Unavailable));
    assert_eq!(breaker.state(), State::Open);
}

/// Counts how often it is asked whether it is ready.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicU32>);

impl Service<u32> for Counting {
    type Response = u32;
    type Error = Error;
    type Future = Ready<Result<u32, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        ready(Ok(request))
    }
}

/// [S3] [S21] while the circuit is open, forced open, or half-open without a free probe, the inner service is not polled
/// for readiness: not even with its answer thrown away.
#[tokio::test(start_paused = true)]
async fn open_leaves_the_inner_service_alone() {
    let breaker = two_in_a_row().probes(1).build().unwrap();
    let inner = Counting::default();
    let mut service = BreakerLayer::new(&breaker).layer(inner.clone());
    let mut refuse = async |why| {
        let error = service.ready().await.unwrap().call(7).await.unwrap_err();
        assert_eq!(
            (error.find().map(buttress_error::Rejection::reason), inner.0.load(Ordering::Relaxed)),
            (Some(why), 0)
        );
    };
    open(&breaker);
    refuse(RejectionReason::CircuitOpen).await;
    refuse(RejectionReason::CircuitOpen).await;
    sleep(secs(5)).await;
    let _probe = admit(&breaker);
    refuse(RejectionReason::ProbesTaken).await;
    breaker.force_open();
    refuse(RejectionReason::ForcedOpen).await;
    breaker.reset();
    assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 7);
    assert_eq!(inner.0.load(Ordering::Relaxed), 1);
}

/// [S22] where probes are judged by rate, a throttled probe counts as a failed one, and a rate at its threshold opens.
#[tokio::test(start_paused = true)]
async fn probes_by_rate_count_throttles_up_to_the_threshold() {
    let half_open = async |rate, probes| {
        let by_rate = two_in_a_row().window(Window::count(10)).minimum_calls(10).consecutive_failures(2);
        let by_rate = by_rate.failure_rate(rate).probes(Probes::new(probes).by_rate());
        let breaker = by_rate.build().unwrap();
        open(&breaker);
        sleep(secs(5)).await;
        breaker
    };
    for kind in [Kind::Throttled, Kind::Unavailable] {
        let breaker = half_open(0.5, 4).await;
        for (ended, state) in [
            (None, State::HalfOpen),
            (Some(kind), State::HalfOpen),
            (None, State::HalfOpen),
            (Some(kind), State::Open),
        ] {
            let probe = admit(&breaker);
            match ended {
                None => probe.success(),
                Some(kind) => probe.failure(kind),
            }
            assert_eq!(breaker.state(), state, "{kind}: exactly half of the probes");
        }
        let breaker = half_open(0.5, 4).await;
        admit(&breaker).failure(kind);
        (0..3).for_each(|_| admit(&breaker).success());
        assert_eq!(breaker.state(), State::Closed, "{kind}: less than half of the probes");
    }
}

/// [S20] a future that is dropped before its first poll has not waited, however old the breaker is.
#[tokio::test(start_paused = true)]
async fn an_unpolled_call_that_is_dropped_is_neutral() {
    let breaker = two_in_a_row().build().unwrap();
    sleep(secs(3_600)).await;
    let mut service = service(&breaker, Strict::new());
    for _ in 0..3 {
        drop(service.ready().await.unwrap().call(7));
    }
    let stats = breaker.stats();
    assert_eq!((stats.abandoned, stats.neutral, stats.failed, breaker.state()), (3, 3, 0, State::Closed));
}

/// [S20] a permit waits from its admission on, also one that was waited for.
#[tokio::test(start_paused = true)]
async fn a_permit_that_was_waited_for_has_an_age() {
    let breaker = two_in_a_row().build().unwrap();
    for (age, failed) in [(Duration::from_millis(900), 0), (secs(1), 1)] {
        let permit = breaker.wait_until_admitted(Instant::now()).await.unwrap();
        sleep(age).await;
        drop(permit);
        assert_eq!(breaker.stats().failed, failed, "{age:?}");
    }
}

/// [S20] a call that panics on the way without a lock is a failure, and is not in flight any more.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_quick_blocking_call_ends_it() {
    let breaker = without_rules().build().unwrap();
    let succeed = || breaker.call_blocking(|| Ok::<_, Error>(())).unwrap();
    // From the second call on, the thread counts without the lock.
    (0..3).for_each(|_| succeed());
    for panics in 1..4 {
        let boom = || breaker.call_blocking(|| -> Result<(), Error> { panic!("boom") });
        assert!(catch_unwind(AssertUnwindSafe(boom)).is_err());
        let stats = breaker.stats();
        assert_eq!((stats.in_flight(), stats.failed, stats.admitted), (0, panics, 3 + panics));
    }
    succeed();
    assert_eq!(breaker.stats().succeeded, 4);
}

fn cause(breaker: &Breaker) -> Option<Kind> {
    refused(breaker).cause().map(|cause| cause.kind)
}

/// [S25] the last real failure stays the last one over successes, neutral calls, and even where a success opens the circuit.
#[tokio::test(start_paused = true)]
async fn a_success_does_not_forget_the_last_failure() {
    let breaker = half_of_four();
    admit(&breaker).failure(Kind::Timeout);
    admit(&breaker).failure(Kind::Unavailable);
    admit(&breaker).success();
    admit(&breaker).neutral();
    assert_eq!(breaker.state(), State::Closed);
    admit(&breaker).success();
    assert_eq!((breaker.state(), cause(&breaker)), (State::Open, Some(Kind::Unavailable)));
}

/// [S23] [S25] a failure of an earlier epoch is late, and is not the cause in later rejections.
#[tokio::test(start_paused = true)]
async fn a_late_failure_is_not_the_last_one() {
    let breaker = half_of_four();
    let (late, later) = (admit(&breaker), admit(&breaker));
    breaker.reset();
    late.failure(Kind::DataLoss);
    (0..2).for_each(|_| admit(&breaker).failure(Kind::Unavailable));
    later.failure(Kind::DataLoss);
    admit(&breaker).success();
    admit(&breaker).success();
    assert_eq!((breaker.state(), cause(&breaker)), (State::Open, Some(Kind::Unavailable)));
    assert_eq!(breaker.stats().late, 2);
}

/// [S6] a refusal of a keyed breaker is counted where it was made.
#[tokio::test(start_paused = true)]
async fn keyed_breakers_count_rejections() {
    let layer = BreakerLayer::new(two_in_a_row().build().unwrap()).keyed_by(|request: &u32| request % 2);
    let mut service = layer.layer(Strict::new());
    open(&layer.breakers().breaker(&1));
    for request in [1, 3, 5, 2] {
        let outcome = service.ready().await.unwrap().call(request).await;
        assert_eq!(outcome.is_err(), request % 2 == 1);
    }
    let rejected = |key| layer.breakers().get(&key).unwrap().stats().rejected;
    assert_eq!((rejected(1), rejected(0)), (3, 0));
}

/// [S20] new settings change `abandon_after` for calls that begin after them, in both directions.
#[tokio::test(start_paused = true)]
async fn reconfiguring_changes_abandon_after() {
    let dropped_after = async |breaker: &Breaker, age| {
        let before = breaker.stats().failed;
        let permit = admit(breaker);
        let inner = service_fn(|_: u32| pending::<Result<u32, Error>>());
        let mut future = Box::pin(BreakerLayer::new(breaker).layer(inner).oneshot(7));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        sleep(age).await;
        drop((permit, future));
        breaker.stats().failed - before
    };
    for first in [secs(1), Duration::MAX] {
        let breaker = without_rules().abandon_after(first).build().unwrap();
        for (wait, failed) in [(secs(1), 2), (secs(2), 0), (Duration::MAX, 0), (secs(1), 2)] {
            breaker.reconfigure(breaker.settings().abandon_after(wait)).unwrap();
            assert_eq!(dropped_after(&breaker, secs(1)).await, failed, "{first:?}, then {wait:?}");
        }
    }
}

/// [S3] a clone of a service that was made ready to refuse is not ready: it may find the circuit closed.
#[tokio::test(start_paused = true)]
async fn a_clone_does_not_copy_a_refusal() {
    let breaker = two_in_a_row().build().unwrap();
    open(&breaker);
    let mut original = service(&breaker, Strict::new());
    original.ready().await.unwrap();
    let mut clone: BreakerService<Strict> = original.clone();
    let payload = catch_unwind(AssertUnwindSafe(|| drop(clone.call(7)))).expect_err("it is not ready");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"poll_ready must be called first"));
    assert!(matches!(original.call(7).await, Err(TestError::Rejected(_))));
    assert_eq!(breaker.stats().rejected, 1);
}

/// Each state is itself only.
#[tokio::test(start_paused = true)]
async fn a_state_is_one_of_them() {
    let look = |state: State| (state.is_closed(), state.is_open(), state.is_half_open());
    for (state, seen, text) in [
        (State::Closed, (true, false, false), "closed"),
        (State::Open, (false, true, false), "open"),
        (State::HalfOpen, (false, false, true), "half_open"),
        (State::ForcedOpen, (false, true, false), "forced_open"),
        (State::Disabled, (false, false, false), "disabled"),
    ] {
        assert_eq!((look(state), state.as_str(), state.to_string().as_str()), (seen, text, text));
    }
}

/// [S24] a repeated order changes nothing: neither the age of the state nor the epoch of calls in flight.
#[tokio::test(start_paused = true)]
async fn a_second_order_does_not_begin_anew() {
    let breaker = two_in_a_row().build().unwrap();
    breaker.force_open();
    sleep(secs(5)).await;
    breaker.force_open();
    assert_eq!((refused(&breaker).elapsed(), breaker.stats().transitions), (secs(5), 1));

    breaker.disable();
    let permit = admit(&breaker);
    breaker.disable();
    permit.success();
    assert_eq!((breaker.stats().transitions, breaker.stats().late, breaker.stats().succeeded), (2, 0, 1));
}
