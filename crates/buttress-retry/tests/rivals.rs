//! Known faults of other libraries. Each test shows that this one does not have it.

mod kit;

use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Kind};
use buttress_retry::{Backoff, Budget, Jitter, Policy};
use buttress_test::Step;
use kit::{MS, call, call_built, plain, reported, script};
use tokio::time::{Instant, advance};

/// [S14] Tower-resilience 0.14: with half of the calls failing, and no refill of its budget, 2.00 times the traffic for
/// ever while the budget is full. Here: 20 %, and the reserve.
#[tokio::test(start_paused = true)]
async fn half_of_the_traffic_failing_is_not_doubled() {
    let policy = Policy::exponential().backoff(Backoff::none()).build().unwrap();
    let steps =
        (0..40_000).map(|attempt| if attempt % 2 == 0 { Step::fail(Kind::Unavailable) } else { Step::ok() });
    let inner = script(steps);
    const CALLS: u32 = 20_000;
    for _ in 0..CALLS {
        let _ = call_built(policy.clone(), &inner).await;
        advance(MS).await;
    }
    // 20 s at 1 000 calls a second: 20 % and 2 a second, and a window of reserve at the start.
    let amplification = f64::from(inner.calls()) / f64::from(CALLS);
    assert!((1.15..=1.22).contains(&amplification), "{amplification}");
}

/// [S7] Tower-resilience 0.14: the default retries an open circuit, 1.5 s of sleep for one call.
#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_not_retried() {
    let inner = script(vec![Step::fail(Class::new(Kind::Rejected).retry_after(MS * 500)); 3]);
    let start = Instant::now();
    call(Policy::exponential(), &inner).await.unwrap_err();
    assert_eq!((inner.calls(), start.elapsed()), (1, Duration::ZERO));
}

/// [S10] Tower-resilience 0.14: no Retry-After.
#[tokio::test(start_paused = true)]
async fn retry_after_is_heeded() {
    let inner = script([Step::fail(Class::new(Kind::Throttled).retry_after(MS * 7000))]);
    let start = Instant::now();
    call(Policy::exponential(), &inner).await.unwrap();
    assert!(start.elapsed() >= MS * 7000 && start.elapsed() <= MS * 8001, "{:?}", start.elapsed());
}

/// [S9] Tower-resilience 0.14: no jitter.
#[tokio::test(start_paused = true)]
async fn callers_that_fail_together_do_not_come_back_together() {
    let mut waits = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        call(Policy::exponential(), &script([Step::fail(Kind::Unavailable)])).await.unwrap();
        waits.push(start.elapsed());
    }
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 15, "{} different waits of 50", waits.len());
}

/// [S9] Tower-resilience 0.14: no cap.
#[tokio::test(start_paused = true)]
async fn waits_have_a_cap() {
    let inner = script(vec![Step::fail(Kind::Unavailable); 40]);
    let many = Policy::exponential().no_budget().max_attempts(40);
    let (outcome, report) = reported(Context::default(), call(many, &inner)).await;
    let longest =
        outcome.unwrap_err().retry_summary().unwrap().history.iter().map(|attempt| attempt.delay).max();
    assert!(longest <= Some(MS * 5000) && report.delay <= MS * 5000 * 39);
}

/// [S14] Tower 0.5: a ratio of 0.6 acts as 1.0, 0.4 as 0.5, 600 as 1 000.
#[tokio::test(start_paused = true)]
async fn a_ratio_is_what_it_says() {
    for (ratio, requests, retries) in [(0.6, 1000, 600), (0.4, 1000, 400), (600.0, 10, 6000)] {
        let budget = Budget::ratio(ratio).min_per_second(0).build().unwrap();
        (0..requests).for_each(|_| budget.deposit());
        let mut granted = 0;
        while let Some(retry) = budget.withdraw(Kind::Unavailable) {
            retry.spend();
            granted += 1;
        }
        assert_eq!(granted, retries, "{ratio}");
    }
}

/// [S9] Backon 1.6: with a maximum of 10 s and jitter it waits 19.96 s.
#[test]
fn the_cap_holds_after_jitter() {
    let jitters = [Jitter::Full, Jitter::Equal, Jitter::Proportional(1.0)];
    for jitter in jitters {
        let backoff = Backoff::exponential(MS * 1000).max(MS * 10_000).jitter(jitter);
        for attempt in 1..200 {
            assert!(backoff.delay(attempt) <= MS * 10_000, "{jitter:?}");
        }
    }
}

/// [S9] Backon 1.6: without a maximum, and with a huge total, it panics.
#[tokio::test(start_paused = true)]
async fn no_cap_no_panic() {
    let backoff = Backoff::exponential(Duration::from_secs(1)).jitter(Jitter::None);
    assert_eq!(backoff.delay(u32::MAX), Duration::MAX);
    // The sum of the waits overflows; the report says the most it can. (A timer ends after thirty years.)
    let inner = script(vec![Step::fail(Kind::Unavailable); 3]);
    let huge = plain().backoff(Backoff::fixed(Duration::MAX));
    let (outcome, report) = reported(Context::default(), call(huge, &inner)).await;
    assert!(outcome.is_err() && inner.calls() == 3 && report.delay == Duration::MAX);
}
