//! Calls that are dropped, cut short, or that panic.

mod support;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

use buttress_breaker::{Breaker, BreakerLayer, BreakerStats, State, Window};
use buttress_context::Context;
use buttress_error::{Class, Classifier, Classify, Completion, Error, Kind, Rejection, Verdict};
use buttress_test::{Boom, Step, Strict, TestError};
use support::{admit, call, defaults, ms, plain, probe, refused, secs, service, sleep};
use tower::{Layer, Service, ServiceExt};

/// Polls once.
fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Task::from_waker(Waker::noop()))
}

/// Drops a call that never answers after `waited`.
async fn hang(breaker: &Breaker, waited: std::time::Duration) -> BreakerStats {
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

/// [S1] `abandon_after` is the slow-call limit if there is one, unless it is set.
#[tokio::test(start_paused = true)]
async fn patience_follows_the_settings() {
    let slow = plain().slow_call(ms(200)).build().unwrap();
    assert_eq!(hang(&slow, ms(199)).await.failed, 0);
    assert_eq!(hang(&slow, ms(200)).await.failed, 1);
    let asked = plain().slow_call(ms(200)).abandon_after(secs(3)).build().unwrap();
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
    assert_eq!(breaker.stats(), BreakerStats::default());
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

/// A classifier that panics, in one of its parts.
#[derive(Clone, Copy)]
enum Broken {
    Judge,
    Keep,
    Completion,
}

impl<T> Classifier<T, TestError> for Broken {
    fn judge(&self, outcome: &Result<T, TestError>) -> Verdict {
        assert!(!matches!(self, Self::Judge), "the classifier is broken");
        if outcome.is_ok() { Verdict::success() } else { Verdict::failure(Kind::Unavailable) }
    }

    fn keep(&self, _: &Result<T, TestError>) -> Option<Error> {
        assert!(!matches!(self, Self::Keep), "the classifier is broken");
        None
    }

    fn completion(&self, _: &Result<T, TestError>) -> Option<Completion> {
        assert!(!matches!(self, Self::Completion), "the classifier is broken");
        None
    }
}

/// An error whose own class is broken, for the forms that have no other classifier.
#[derive(Debug)]
struct Unclassed;

impl From<Rejection> for Unclassed {
    fn from(_: Rejection) -> Self {
        Self
    }
}

impl std::fmt::Display for Unclassed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no class")
    }
}

impl std::error::Error for Unclassed {}

impl Classify for Unclassed {
    fn class(&self) -> Class {
        panic!("the classifier is broken")
    }
}

fn breaks(run: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"the classifier is broken"), "the panic goes on unchanged");
}

/// [S2] [S20] a classifier that panics does not describe the dependency: the call is neutral, in every form, whether it
/// succeeded or failed, also where the future is kept; what it had reserved is given back, and the panic goes on.
#[tokio::test(start_paused = true)]
async fn a_classifier_that_panics_is_not_the_dependency() {
    for broken in [Broken::Judge, Broken::Keep, Broken::Completion] {
        let outcome =
            || if matches!(broken, Broken::Keep) { Step::fail(Kind::Unavailable) } else { Step::ok() };
        let breakers = |form: &str| match form {
            "layer" => {
                let layer = BreakerLayer::new("db").classifier(broken);
                let mut service = layer.layer(Strict::new().then(outcome()));
                let mut future = Box::pin(poll_ready(&mut service).call(7));
                breaks(|| drop(poll(future.as_mut())));
                (layer.breaker().clone(), layer.breaker().stats())
            }
            "backpressure" => {
                let layer = BreakerLayer::new("db").classifier(broken).backpressure();
                let mut service = layer.layer(Strict::new().then(outcome()));
                let future = poll_ready(&mut service).call(7);
                breaks(|| drop(poll(future)));
                (layer.breaker().clone(), layer.breaker().stats())
            }
            "keyed" => {
                let layer = BreakerLayer::new("db").classifier(broken).keyed_by_str(|_: &u32| "a");
                let mut service = layer.layer(Strict::new().then(outcome()));
                let mut future = Box::pin(poll_ready(&mut service).call(7));
                breaks(|| drop(poll(future.as_mut())));
                let breaker = layer.breakers().breaker("a");
                (breaker.clone(), breaker.stats())
            }
            "guarded" => {
                let breaker = Breaker::new("db");
                let outcome =
                    || if matches!(broken, Broken::Keep) { Err(Kind::Unavailable.into()) } else { Ok(7) };
                let guarded = || breaker.guarded().classifier(broken);
                breaks(|| drop(guarded().call_blocking::<_, u32, TestError>(outcome)));
                assert_eq!((breaker.stats().neutral, breaker.stats().failed), (1, 0));
                let other = Breaker::new("db");
                let mut future = Box::pin(other.guarded().classifier(broken).call(async || outcome()));
                breaks(|| drop(poll(future.as_mut())));
                (other.clone(), other.stats())
            }
            _ => {
                let breaker = Breaker::new("db");
                let mut inner = Strict::new().then(outcome());
                let inner = poll_ready(&mut inner);
                let mut future = Box::pin(breaker.call_with(broken, || inner.call(7)));
                breaks(|| drop(poll(future.as_mut())));
                let stats = breaker.stats();
                drop(future);
                (breaker, stats)
            }
        };
        for form in ["layer", "backpressure", "keyed", "guarded", "call_with"] {
            let (breaker, stats) = breakers(form);
            assert_eq!((stats.admitted, stats.neutral, stats.in_flight()), (1, 1, 0), "{form}: {stats:?}");
            assert_eq!(breaker.stats(), stats, "{form}: the future was dropped");
        }
    }
}

fn poll_ready<S: Service<u32>>(service: &mut S) -> &mut S {
    let ready = service.poll_ready(&mut Task::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Ok(()))));
    service
}

/// [S2] [S20] the same of an error whose own class panics, where a closure is called, blocking or not, timed or not, or a
/// probe.
#[tokio::test(start_paused = true)]
async fn an_error_whose_class_panics_is_not_the_dependency() {
    let fails = || Err::<(), _>(Unclassed);
    for builder in [defaults(), defaults().slow_call(secs(1)), defaults().window(Window::consecutive(5))] {
        let breaker = builder.build().unwrap();
        breaks(|| drop(breaker.call_blocking(fails)));
        breaks(|| drop(poll(breaker.call(async || fails()))));
        let stats = breaker.stats();
        assert_eq!((stats.admitted, stats.neutral, stats.in_flight()), (2, 2, 0), "{stats:?}");
    }
    let breaker = defaults().probes(1).build().unwrap();
    probe(&breaker).await.neutral();
    breaks(|| drop(breaker.call_blocking(fails)));
    breaks(|| drop(poll(breaker.call(async || fails()))));
    assert_eq!((breaker.state(), breaker.stats().neutral), (State::HalfOpen, 3), "its slot is free again");
    admit(&breaker).success();
    assert_eq!(breaker.state(), State::Closed);
}
