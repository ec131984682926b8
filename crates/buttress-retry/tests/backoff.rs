//! The waits, as calls see them.

mod kit;

use std::time::Duration;

use buttress_error::{Error, Kind};
use buttress_retry::{Backoff, Jitter, Policy, PolicyBuilder, retry};
use buttress_test::Step;
use kit::{MS, call, plain, script};
use tokio::time::Instant;

const CALLS: usize = 200;

/// The waits of many calls that fail at every attempt.
async fn waits(policy: impl Fn() -> PolicyBuilder, kind: Kind) -> Vec<Vec<Duration>> {
    let mut all = Vec::new();
    for _ in 0..CALLS {
        let error =
            call(policy(), &script(vec![Step::fail(kind); 16])).await.expect_err("every attempt fails");
        let history = &error.retry_summary().expect("retried").history;
        all.push(history[..history.len() - 1].iter().map(|attempt| attempt.delay).collect());
    }
    all
}

/// Spread over all of `high / 2..=high`: equal jitter.
fn spread(waits: &[Vec<Duration>], at: usize, high: Duration) {
    let column = || waits.iter().map(|call| call[at]);
    assert!(column().all(|wait| (high / 2..=high).contains(&wait)), "outside of {:?}..={high:?}", high / 2);
    assert!(column().any(|wait| wait > high * 9 / 10), "never near {high:?}");
    assert!(column().any(|wait| wait < high * 6 / 10), "never near {:?}", high / 2);
}

/// [S9] The default: 4 attempts, equal jitter from a base of 200 ms, twice as much for each further wait.
#[tokio::test(start_paused = true)]
async fn default_after_a_transient_failure() {
    let waits = waits(Policy::exponential, Kind::Unavailable).await;
    assert!(waits.iter().all(|call| call.len() == 3), "four attempts");
    for (at, high) in [200, 400, 800].into_iter().enumerate() {
        spread(&waits, at, MS * high);
    }
}

/// [S9] The default after a throttle: a base of 1 s.
#[tokio::test(start_paused = true)]
async fn default_after_a_throttle() {
    let waits = waits(Policy::exponential, Kind::Throttled).await;
    spread(&waits, 0, Duration::from_secs(1));
    spread(&waits, 1, Duration::from_secs(2));
    spread(&waits, 2, Duration::from_secs(4));
}

/// [S9] The default cap: 5 s, after jitter, for failures and throttles.
#[tokio::test(start_paused = true)]
async fn default_cap() {
    for (kind, reached) in [(Kind::Unavailable, 5), (Kind::Throttled, 3)] {
        let waits = waits(|| Policy::exponential().max_attempts(12).no_budget(), kind).await;
        for at in reached..11 {
            spread(&waits, at, Duration::from_secs(5));
        }
    }
}

/// The waits are really slept, in order; the history says how long.
#[tokio::test(start_paused = true)]
async fn waits_are_slept() {
    let backoff = Backoff::iterator(|| [1, 20, 300].map(|wait| MS * wait).into_iter());
    let start = Instant::now();
    let inner = script(vec![Step::fail(Kind::Unavailable); 3]);
    call(plain().backoff(backoff).max_attempts(4), &inner).await.unwrap();
    assert_eq!((inner.calls(), start.elapsed()), (4, MS * 321));
}

/// [S9] `backoff` also serves throttles, unless `throttled_backoff` says otherwise.
#[tokio::test(start_paused = true)]
async fn one_backoff_serves_both() {
    let one = waits(plain, Kind::Throttled).await;
    assert_eq!(one[0], [MS * 100, MS * 100]);
    let two = waits(|| plain().throttled_backoff(Backoff::fixed(MS * 700)), Kind::Throttled).await;
    assert_eq!(two[0], [MS * 700, MS * 700]);
}

/// No call waits longer than the policy says.
#[tokio::test(start_paused = true)]
async fn max_total_backoff_is_a_bound() {
    let policies: [fn() -> PolicyBuilder; 3] = [
        Policy::exponential,
        || plain().backoff(Backoff::decorrelated(MS * 10)).max_attempts(6),
        || plain().backoff(Backoff::linear(MS, MS).max(MS * 3)).max_attempts(6),
    ];
    for policy in policies {
        let built = policy().build().unwrap();
        let (failed, throttled) = (built.max_total_backoff(), built.max_total_throttled_backoff());
        for (kind, longest) in [(Kind::Unavailable, failed), (Kind::Throttled, throttled)] {
            let sums: Vec<Duration> =
                waits(policy, kind).await.iter().map(|call| call.iter().sum()).collect();
            assert!(sums.iter().all(|sum| *sum <= longest), "over {longest:?}");
        }
    }
    let policy = Policy::default();
    let (failed, throttled) = (policy.max_total_backoff(), policy.max_total_throttled_backoff());
    assert_eq!((failed, throttled), (MS * 1400, MS * 7000));
}

/// Nor longer than it says for servers that ask for the longest waits: 60 s and 10 % jitter each time, or 5 s beyond the backoff.
#[tokio::test(start_paused = true)]
async fn max_total_wait_is_a_bound() {
    let none = || plain().max_retry_after(Duration::ZERO).max_attempts(3);
    let slack = || none().max_retry_after(MS * 60_000).retry_after_slack(MS * 5000);
    let longest = |policy: PolicyBuilder| policy.build().unwrap().max_total_wait();
    let waits = none().build().unwrap().max_total_backoff();
    assert_eq!(longest(Policy::exponential()), MS * 198_000);
    assert_eq!(longest(Policy::exponential().max_attempts(1)), Duration::ZERO);
    assert_eq!(longest(none()), waits);
    assert_eq!(longest(slack()), waits + MS * 10_000);

    let policy = Policy::exponential().build().unwrap();
    let begin = Instant::now();
    let asks = || async { Err::<(), _>(Error::new(Kind::Throttled, "busy").retry_after(Duration::MAX)) };
    retry(&policy, asks).await.unwrap_err();
    let elapsed = begin.elapsed();
    assert!(elapsed >= MS * 120_000 && elapsed <= policy.max_total_wait() + MS, "{elapsed:?}");
}

/// Factors that binary fractions can't hold are rounded: 1 s times 1.4 twice is 1.96 s.
#[test]
fn factors_are_rounded() {
    let backoff = Backoff::exponential(MS * 1000).multiplier(1.4).jitter(Jitter::None);
    assert_eq!((backoff.delay(2), backoff.delay(3)), (MS * 1400, MS * 1960));
}
