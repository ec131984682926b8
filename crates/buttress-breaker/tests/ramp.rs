//! A circuit that takes its load back step by step.

mod support;

use buttress_breaker::{Breaker, BreakerLayer, KeyedBreakers, Permit, Probes, TripRule};
use buttress_error::{Kind, RejectionReason};
use buttress_test::Strict;
use support::{admit, call, fail, plain, refused, secs, service, sleep, succeed, trip};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

/// Closed again, with the ramp at its beginning.
async fn recovered() -> Breaker {
    let breaker = plain().ramp(secs(10)).build().expect("good settings");
    recover(&breaker).await;
    breaker
}

async fn recover(breaker: &Breaker) {
    trip(breaker);
    sleep(secs(60)).await;
    succeed(breaker, 3);
    assert!(breaker.state().is_closed());
}

/// Returns how many of `calls` calls are admitted.
fn passing(breaker: &Breaker, calls: u32) -> usize {
    (0..calls).filter(|_| breaker.admit().map(Permit::success).is_ok()).count()
}

/// [S24] 10, 25 and 50 % of the calls, and then all.
#[tokio::test(start_paused = true)]
async fn takes_the_load_back_step_by_step() {
    let breaker = recovered().await;
    for part in [10, 25, 50, 100, 100] {
        assert_eq!(passing(&breaker, 100), part);
        sleep(secs(10)).await;
    }
    let stats = breaker.stats();
    assert_eq!((stats.rejected, stats.in_flight()), (215, 0));
}

/// [S24] the same through the layer, where a call that is held back touches no inner service.
#[tokio::test(start_paused = true)]
async fn holds_back_in_call() {
    let breaker = recovered().await;
    let inner = Strict::new();
    let mut service = service(&breaker, inner.clone());
    assert_eq!(call(&mut service).await.unwrap(), 7);
    for _ in 0..9 {
        assert_eq!(call(&mut service).await.unwrap_err().kind(), Kind::Rejected);
    }
    assert_eq!(inner.calls(), 1);
    assert_eq!(call(&mut service).await.unwrap(), 7);
}

/// [S7] [S24] a refused call reports the share that is admitted, and when it grows.
#[tokio::test(start_paused = true)]
async fn a_refusal_reports_the_share() {
    let breaker = recovered().await;
    sleep(secs(14)).await;
    admit(&breaker).success();
    let rejection = refused(&breaker);
    assert_eq!((rejection.reason(), rejection.retry_after()), (RejectionReason::Ramping, Some(secs(6))));
    assert_eq!(
        rejection.to_string(),
        "db: circuit recovering for 14.0s, admitting 25 % of calls, retry after 6.0s"
    );
    let explanation = breaker.explain().to_string();
    assert!(
        explanation.contains(
            "next           recovering: admits 25 % of calls for another 6.0s, and all calls in 16.0s"
        ),
        "{explanation}"
    );
    assert!(explanation.contains("; then admits 10, 25, 50 and 100 % of calls, 10s each"), "{explanation}");
    sleep(secs(16)).await;
    assert!(!breaker.explain().to_string().contains("next"));
}

/// [S19] [S24] what passes is judged: a dependency that fails under the load is left alone again, and the next recovery begins
/// with the first step.
#[tokio::test(start_paused = true)]
async fn opens_again() {
    let breaker = recovered().await;
    sleep(secs(25)).await;
    for _ in 0..5 {
        assert!(breaker.state().is_closed());
        fail(&breaker, 1);
        let _ = breaker.admit().map(Permit::neutral);
    }
    assert!(breaker.state().is_open());
    sleep(secs(60)).await;
    succeed(&breaker, 3);
    assert_eq!(passing(&breaker, 100), 10);
}

/// [S24] [S25] only a recovery ramps: not a circuit that is new, reset or released, and an order ends it. A shadow holds back
/// nothing.
#[tokio::test(start_paused = true)]
async fn orders_are_stronger() {
    let breaker = plain().ramp(secs(10)).build().unwrap();
    assert_eq!(passing(&breaker, 10), 10);
    recover(&breaker).await;
    breaker.reset();
    assert_eq!(passing(&breaker, 10), 10);
    recover(&breaker).await;
    breaker.force_open();
    breaker.release();
    assert_eq!(passing(&breaker, 10), 10);
    recover(&breaker).await;
    breaker.shadow();
    assert_eq!((passing(&breaker, 10), breaker.stats().shadowed), (10, 9));
}

/// [S24] [S27] new settings apply to the next recovery.
#[tokio::test(start_paused = true)]
async fn is_reconfigured() {
    let breaker = recovered().await;
    breaker.reconfigure(plain()).unwrap();
    assert_eq!(passing(&breaker, 100), 10);
    sleep(secs(30)).await;
    recover(&breaker).await;
    assert_eq!(passing(&breaker, 100), 100);
}

/// [S24] a waiter does not get more than its share of the ramp by retrying.
#[tokio::test(start_paused = true)]
async fn waiters_wait_for_the_next_step() {
    let breaker = recovered().await;
    let (began, far) = (Instant::now(), Instant::now() + secs(100));
    let wait = || async {
        breaker.wait_until_admitted(far).await.unwrap().success();
        began.elapsed().as_secs()
    };
    let (a, b, c) = tokio::join!(wait(), wait(), wait());
    assert_eq!((a, b, c), (0, 10, 20), "the first of each step");
}

/// [S24] at the deadline it asks once more, and the rejection has the reason.
#[tokio::test(start_paused = true)]
async fn waiters_give_up_at_their_deadline() {
    let breaker = recovered().await;
    succeed(&breaker, 1);
    let began = Instant::now();
    let late = breaker.wait_until_admitted(began + secs(4)).await.unwrap_err();
    assert_eq!((late.reason(), began.elapsed()), (RejectionReason::Ramping, secs(4)));
}

/// [S24] a circuit of many keys that ramps is kept.
#[tokio::test(start_paused = true)]
async fn keyed_circuits_that_ramp_are_kept() {
    let breakers = KeyedBreakers::<String>::builder(plain().ramp(secs(10)).build().unwrap())
        .max_keys(8)
        .build()
        .unwrap();
    recover(&breakers.breaker("ramping")).await;
    for n in 0..100 {
        succeed(&breakers.breaker(&n.to_string()), 1);
    }
    assert_eq!(passing(&breakers.breaker("ramping"), 10), 1);
}

/// [S24] under backpressure it refuses all the same.
#[tokio::test(start_paused = true)]
async fn refuses_under_backpressure() {
    let breaker = recovered().await;
    let mut service = BreakerLayer::new(&breaker).backpressure().layer(Strict::new());
    assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 7);
    assert_eq!(service.ready().await.unwrap().call(7).await.unwrap_err().kind(), Kind::Rejected);
}

/// Starts `n` waiters that wait until `deadline`; the counts show their calls.
fn spawn_waiters(breaker: &Breaker, waiters: u32, deadline: Instant) {
    for _ in 0..waiters {
        let breaker = breaker.clone();
        tokio::spawn(async move { drop(breaker.wait_until_admitted(deadline).await.map(Permit::success)) });
    }
}

/// [S24] each waiter is one call to a step, whatever wakes it: calls that end where their age is watched, orders that change
/// nothing, late probes, or its deadline.
#[tokio::test(start_paused = true)]
async fn waiters_are_counted_once() {
    let stuck = TripRule::stuck(10, secs(30));
    for (settings, within) in
        [(plain().trip_when(stuck), secs(1000)), (plain(), secs(1000)), (plain(), secs(2))]
    {
        let breaker = settings.ramp(secs(500)).probes(Probes::new(4).to_close(1)).build().unwrap();
        trip(&breaker);
        sleep(secs(60)).await;
        let mut probes: Vec<_> = (0..4).map(|_| admit(&breaker)).collect();
        probes.pop().unwrap().success();
        let before = breaker.stats().admitted;
        spawn_waiters(&breaker, 50, Instant::now() + within);
        for probe in probes {
            tokio::time::sleep(secs(1)).await;
            breaker.release();
            probe.success();
        }
        tokio::time::sleep(secs(3)).await;
        assert_eq!(breaker.stats().admitted - before, 5, "10 % of 50");
    }
}

/// [S21] [S24] a waiter for the next step wakes when the circuit opens, and then waits for its end.
#[tokio::test(start_paused = true)]
async fn waiters_see_the_circuit_open() {
    let breaker = plain().ramp(secs(3600)).build().unwrap();
    recover(&breaker).await;
    admit(&breaker).success();
    let began = Instant::now();
    let wait = async {
        breaker.wait_until_admitted(began + secs(10_000)).await.unwrap().success();
        began.elapsed()
    };
    let trip = async {
        tokio::time::sleep(secs(1)).await;
        while breaker.state().is_closed() {
            drop(breaker.admit().map(|permit| permit.failure(Kind::Unavailable)));
        }
    };
    let (waited, ()) = tokio::join!(wait, trip);
    assert_eq!(waited, secs(11), "the second wait is 10 s");
}

/// [S24] a key whose ramp is over matters no more than another.
#[tokio::test(start_paused = true)]
async fn keyed_circuits_that_have_ramped_may_go() {
    let template = plain().ramp(secs(1)).build().unwrap();
    let breakers = KeyedBreakers::<String>::builder(template).max_keys(4).build().unwrap();
    for key in ["a", "b", "c"] {
        recover(&breakers.breaker(key)).await;
    }
    sleep(secs(60)).await;
    succeed(&breakers.breaker("busy"), 2);
    let _ = breakers.breaker("new");
    assert!(breakers.get("busy").is_some());
}
