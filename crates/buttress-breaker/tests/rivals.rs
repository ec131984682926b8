//! What other breakers get wrong, each as a test of ours.

mod support;

use buttress_breaker::{Breaker, BreakerLayer, State, Window};
use buttress_error::{Kind, Rejection};
use buttress_test::{Step, Strict};
use std::error::Error as _;
use std::time::Duration;
use support::{admit, call, defaults, fail, ms, plain, probe, refused, secs, service, sleep, succeed, trip};
use tower::{Layer, ServiceExt};

/// A count window that never slides needs a thousand failures after a thousand successes.
#[tokio::test(start_paused = true)]
async fn the_count_window_slides_after_a_million_successes() {
    let breaker = plain().window(Window::count(10)).failure_rate(0.5).build().unwrap();
    succeed(&breaker, 1_000_000);
    fail(&breaker, 5);
    assert!(breaker.state().is_open());
}

/// [S22] A healthy service behind a half-open circuit with a time window must not be refused forever.
#[tokio::test(start_paused = true)]
async fn half_open_recovers_under_a_steady_trickle() {
    let breaker = plain().window(Window::time(ms(100))).build().unwrap();
    trip(&breaker);
    sleep(secs(5)).await;
    for _ in 0..30 {
        admit(&breaker).success();
        sleep(ms(70)).await;
    }
    assert!(breaker.state().is_closed());
    assert_eq!(breaker.stats().rejected, 0);
}

/// [S8] Zero probes would refuse forever.
#[test]
fn zero_probes_are_refused_at_build() {
    assert_eq!(Breaker::builder("db").probes(0).build().unwrap_err().setting(), "probes");
}

/// [S23] A failure admitted before the trip must not reopen a recovering circuit, and a success admitted before it must
/// not close the circuit while the only probe hangs.
#[tokio::test(start_paused = true)]
async fn old_results_decide_nothing() {
    let breaker = defaults().probes(1).build().unwrap();
    let (old_failure, old_success) = (admit(&breaker), admit(&breaker));
    let _hangs = probe(&breaker).await;
    old_failure.failure(Kind::Unavailable);
    assert_eq!(breaker.state(), State::HalfOpen);
    old_success.success();
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(breaker.stats().late, 2);
}

/// [S22] A circuit that opened for slowness must not close on a slow probe.
#[tokio::test(start_paused = true)]
async fn slowness_needs_a_fast_probe() {
    let breaker = defaults().window(Window::count(2)).slow_call(ms(50)).probes(1).build().unwrap();
    for _ in 0..2 {
        let permit = admit(&breaker);
        sleep(ms(60)).await;
        permit.success();
    }
    sleep(secs(5)).await;
    let slow = admit(&breaker);
    sleep(ms(60)).await;
    slow.success();
    assert_eq!(breaker.state(), State::Open);
    sleep(secs(10)).await;
    admit(&breaker).success();
    assert_eq!(breaker.state(), State::Closed);
}

/// [S1] [S2] Fifty hung calls cut by an outer timeout, and twenty panics, must leave a mark.
#[tokio::test(start_paused = true)]
async fn hangs_and_panics_count() {
    let breaker = Breaker::builder("db").consecutive_failures(None).minimum_calls(70).build().unwrap();
    for _ in 0..50 {
        let hung = service(&breaker, Strict::new().then(Step::never())).oneshot(7);
        tokio::time::timeout(secs(1), hung).await.expect_err("it hangs");
    }
    for _ in 0..20 {
        let mut service = service(&breaker, Strict::new().then(Step::panic()));
        let task = tokio::spawn(async move { call(&mut service).await });
        assert!(task.await.unwrap_err().is_panic());
    }
    assert_eq!(breaker.stats().failed, 70);
}

/// [S19] Recording takes the same memory whatever the number of calls in a time window.
#[tokio::test(start_paused = true)]
async fn a_time_window_does_not_grow() {
    let breaker = plain().build().unwrap();
    let allocations = buttress_test::allocations(|| succeed(&breaker, 100_000));
    assert_eq!((breaker.stats().window.total, allocations), (100_000, 0));
}

/// [S25] A forced state must not end by itself.
#[tokio::test(start_paused = true)]
async fn forced_open_does_not_expire() {
    let breaker = plain().build().unwrap();
    breaker.force_open();
    sleep(Duration::from_secs(365 * 24 * 60 * 60)).await;
    refused(&breaker);
}

/// [S4] Two `layer()` calls must not make two breakers.
#[tokio::test(start_paused = true)]
async fn two_layer_calls_make_one_breaker() {
    let layer = BreakerLayer::new("db");
    let (mut one, mut two) = (layer.layer(Strict::new()), layer.layer(Strict::new()));
    trip(layer.breaker());
    call(&mut one).await.unwrap_err();
    call(&mut two).await.unwrap_err();
}

/// [S7] A refusal names the breaker and when to come back, and has a source.
#[tokio::test(start_paused = true)]
async fn a_refusal_explains_itself() {
    let breaker = plain().build().unwrap();
    for _ in 0..5 {
        let failed = async || Err::<(), _>(buttress_error::Error::new(Kind::Unavailable, "gone"));
        breaker.call(failed).await.unwrap_err();
    }
    let rejection: Rejection = refused(&breaker);
    assert_eq!((rejection.layer(), rejection.retry_after()), ("db", Some(secs(5))));
    assert_eq!(rejection.source().unwrap().to_string(), "gone");
}

/// [S5] Under a paused clock an open circuit recovers.
#[tokio::test(start_paused = true)]
async fn recovers_under_a_paused_clock() {
    let breaker = Breaker::new("db");
    trip(&breaker);
    tokio::time::sleep(secs(6)).await;
    succeed(&breaker, 3);
    assert!(breaker.state().is_closed());
}

/// [S22] Half-open must not admit everybody.
#[tokio::test(start_paused = true)]
async fn half_open_is_no_open_door() {
    let breaker = plain().build().unwrap();
    let _first = probe(&breaker).await;
    let admitted: Vec<_> = (0..1_000).filter_map(|_| breaker.admit().ok()).collect();
    assert_eq!(admitted.len(), 2);
}

/// [S19] A window shorter than a second must not open on the first failure.
#[tokio::test(start_paused = true)]
async fn a_short_window_is_a_window() {
    let breaker = plain().window(Window::time(ms(500))).build().unwrap();
    fail(&breaker, 1);
    assert!(breaker.state().is_closed());
}

/// [S19] The rate is one of a window: old successes can't hide an outage, old failures can't open a healthy circuit.
#[tokio::test(start_paused = true)]
async fn the_rate_is_one_of_a_window() {
    let breaker = plain().consecutive_failures(None).failure_rate(0.5).build().unwrap();
    fail(&breaker, 19);
    sleep(secs(30)).await;
    succeed(&breaker, 10_000);
    assert!(breaker.state().is_closed());
    sleep(secs(30)).await;
    fail(&breaker, 20);
    assert!(breaker.state().is_open());
}

/// [S20] A cancelled probe must not close the circuit, and [S22] a hung one must not be waited for.
#[tokio::test(start_paused = true)]
async fn cancelled_and_hung_probes() {
    let breaker = defaults().probes(1).build().unwrap();
    drop(probe(&breaker).await);
    assert_eq!(breaker.state(), State::HalfOpen);
    let _hangs = admit(&breaker);
    sleep(secs(10)).await;
    refused(&breaker);
    sleep(secs(10)).await;
    admit(&breaker).success();
    assert_eq!(breaker.state(), State::Closed);
}
