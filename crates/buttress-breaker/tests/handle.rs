//! Orders, statistics, subscriptions.

mod support;

use buttress_breaker::{Breaker, Permit, State, Window};
use buttress_error::{Error, Kind, RejectionReason};
use support::{admit, fail, ms, plain, probe, refused, secs, sleep, succeed, trip};

/// [S25] forced open stays, whatever the time, until it is released; then the circuit is closed with an empty window.
#[tokio::test(start_paused = true)]
async fn forced_open() {
    let breaker = plain().build().unwrap();
    fail(&breaker, 4);
    breaker.force_open();
    for _ in 0..3 {
        let rejection = refused(&breaker);
        assert_eq!((rejection.reason(), rejection.retry_after()), (RejectionReason::ForcedOpen, None));
        sleep(secs(100_000)).await;
    }
    assert_eq!(refused(&breaker).elapsed(), secs(300_000));
    breaker.release();
    assert_eq!((breaker.state(), breaker.stats().window.total), (State::Closed, 0));
    fail(&breaker, 4);
    assert!(breaker.state().is_closed(), "the streak is forgotten too");
}

/// [S25] disabled admits, counts, and never opens.
#[tokio::test(start_paused = true)]
async fn disabled() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    breaker.disable();
    fail(&breaker, 100);
    assert_eq!(breaker.state(), State::Disabled);
    let stats = breaker.stats();
    assert_eq!((stats.failed, stats.window.failed, stats.rejected), (105, 100, 0));
    breaker.release();
    succeed(&breaker, 1);
    assert_eq!((breaker.state(), breaker.stats().window.failed), (State::Closed, 0));
}

/// [S25] shadow decides and reports but never refuses, and what it let through does not count.
#[tokio::test(start_paused = true)]
async fn shadow() {
    let breaker = plain().build().unwrap();
    breaker.shadow();
    assert!(breaker.is_shadow());
    trip(&breaker);
    fail(&breaker, 10);
    let stats = breaker.stats();
    assert_eq!((stats.shadowed, stats.rejected, stats.failed, stats.late), (10, 0, 5, 0));
    sleep(secs(5)).await;
    let probes = [admit(&breaker), admit(&breaker), admit(&breaker)];
    assert_eq!(breaker.state(), State::HalfOpen);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::HalfOpen, "a fourth call is no probe");
    probes.into_iter().for_each(Permit::success);
    assert_eq!(breaker.state(), State::Closed);
    trip(&breaker);
    breaker.release();
    assert!(!breaker.is_shadow());
    refused(&breaker);
}

/// [S25] a success that only the shadow let through counts nowhere, though its thread has counted nothing before. (It was
/// late once: the epoch of such calls is zero, as was that of a thread without an epoch.)
#[test]
fn a_success_in_the_shadow() {
    let breaker = plain().build().unwrap();
    breaker.shadow();
    std::thread::scope(|scope| scope.spawn(|| trip(&breaker)).join()).unwrap();
    breaker.call_blocking(|| Ok::<_, Error>(())).unwrap();
    let stats = breaker.stats();
    assert_eq!((stats.shadowed, stats.admitted, stats.succeeded, stats.late), (1, 5, 0, 0));
}

/// [S25] a reset closes the circuit from any state, with an empty window, the first wait ahead, and no order left.
#[tokio::test(start_paused = true)]
async fn reset() {
    for order in [Breaker::force_open, Breaker::disable, Breaker::shadow, |_: &Breaker| {}] {
        let breaker = plain().build().unwrap();
        let before = admit(&breaker);
        probe(&breaker).await.failure(Kind::Unavailable);
        order(&breaker);
        breaker.reset();
        assert_eq!((breaker.state(), breaker.is_shadow()), (State::Closed, false));
        assert_eq!(breaker.stats().window.total, 0);
        before.failure(Kind::Unavailable);
        assert_eq!(breaker.stats().window.total, 0, "[S23] admitted before the reset, it is late");
        trip(&breaker);
        assert_eq!(refused(&breaker).retry_after(), Some(secs(5)));
    }
}

/// [S25] released without an order, nothing happens.
#[tokio::test(start_paused = true)]
async fn release_of_nothing() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    breaker.release();
    assert_eq!(breaker.state(), State::Open);
}

/// [S25] a handle reads all counts at one moment, and they add up.
#[tokio::test(start_paused = true)]
async fn statistics() {
    let breaker = plain().slow_call(ms(100)).abandon_after(secs(1)).build().unwrap();
    succeed(&breaker, 2);
    admit(&breaker).failure(Kind::Throttled);
    admit(&breaker).neutral();
    let slow = admit(&breaker);
    sleep(ms(101)).await;
    slow.failure(Kind::Internal);
    let _in_flight = admit(&breaker);
    let stats = breaker.stats();
    assert_eq!((stats.admitted, stats.succeeded, stats.failed, stats.throttled), (6, 2, 1, 1));
    assert_eq!((stats.neutral, stats.slow, stats.in_flight()), (1, 1, 1));
    assert_eq!(stats.window.failure_rate(), Some(0.25));
    assert_eq!(stats.window.slow_rate(), Some(0.25));
    assert_eq!(stats.window.throttle_rate(), Some(0.25));
    let empty = plain().window(Window::consecutive(3)).build().unwrap();
    assert_eq!(empty.stats().window.failure_rate(), None);
    fail(&empty, 2);
    assert_eq!(empty.stats().window.failed, 2, "the streak");
}

/// [S6] [S25] a subscriber learns of changes, may ask for the state, and learns when the breaker is gone.
#[tokio::test(start_paused = true)]
async fn subscription() {
    let breaker = plain().build().unwrap();
    let mut subscription = breaker.subscribe();
    assert_eq!(subscription.state(), State::Closed);
    let asker = breaker.clone();
    let told = tokio::spawn(async move {
        let mut told = Vec::new();
        for _ in 0..3 {
            let state = subscription.changed().await.expect("the breaker lives");
            assert_eq!(state, asker.state());
            told.push(state);
        }
        drop(asker);
        assert_eq!(subscription.changed().await, None);
        told
    });
    tokio::task::yield_now().await;
    trip(&breaker);
    tokio::time::sleep(secs(5)).await;
    let first = admit(&breaker);
    tokio::task::yield_now().await;
    first.success();
    succeed(&breaker, 2);
    tokio::task::yield_now().await;
    drop(breaker);
    assert_eq!(told.await.unwrap(), [State::Open, State::HalfOpen, State::Closed]);
}

/// An error that asks the breaker for its state when it is dropped.
#[derive(Debug)]
struct Asks(Breaker);

impl std::fmt::Display for Asks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("asks")
    }
}

impl std::error::Error for Asks {}

impl Drop for Asks {
    fn drop(&mut self) {
        let _ = self.0.state();
    }
}

/// [S6] the failures that a breaker keeps for its refusals are dropped outside its lock too: replaced by the next one,
/// by a reopening, by a reset.
#[tokio::test(start_paused = true)]
async fn kept_errors_are_dropped_outside_the_lock() {
    let breaker = plain().build().unwrap();
    let failed = async || Err::<(), _>(Error::wrap(Kind::Unavailable, Asks(breaker.clone())));
    for wait in [5, 10] {
        while breaker.state() != State::Open {
            breaker.call(failed).await.unwrap_err();
        }
        sleep(secs(wait)).await;
        breaker.call(failed).await.unwrap_err();
    }
    breaker.reset();
    breaker.call(failed).await.unwrap_err();
    breaker.force_open();
    breaker.reset();
}
