//! The settings that change single numbers of the backoffs: `base`, `max_delay`, `multiplier`, and the default cap.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::time::Duration;

use buttress_error::Kind;
use buttress_retry::{Backoff, Policy, PolicyBuilder};
use buttress_test::Step;
use kit::{MS, call, script};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The longest waits of one call: after transient failures, and after throttles.
fn longest(policy: PolicyBuilder) -> (Duration, Duration) {
    let policy = policy.build().unwrap();
    (policy.max_total_backoff(), policy.max_total_throttled_backoff())
}

/// [S9] A base keeps the cap, and the waits after a throttle.
#[test]
fn a_base_keeps_cap_and_throttled_backoff() {
    assert_eq!(longest(Policy::exponential().base(MS * 20)), (MS * 140, SECOND * 7));
    let long = Policy::exponential().base(SECOND * 4).max_attempts(5);
    assert_eq!(longest(long), (SECOND * (4 + 5 + 5 + 5), SECOND * (1 + 2 + 4 + 5)), "capped at 5 s");
}

/// [S9] The cap of a policy is that of both backoffs, and an upper bound after jitter.
#[tokio::test(start_paused = true)]
async fn max_delay_caps_failures_and_throttles() {
    let policy = || Policy::exponential().max_delay(MS * 300).max_attempts(6).no_budget();
    assert_eq!(longest(policy()), (MS * (200 + 4 * 300), MS * 5 * 300), "a throttle starts at the cap");
    for kind in [Kind::Unavailable, Kind::Throttled] {
        for _ in 0..100 {
            let start = Instant::now();
            call(policy(), &script(vec![Step::fail(kind); 5])).await.unwrap();
            assert!(start.elapsed() <= MS * (5 * 300 + 5), "{:?}", start.elapsed());
        }
    }
}

/// [S9] The factor is that of both backoffs.
#[test]
fn a_multiplier_of_both() {
    let policy = Policy::exponential().multiplier(3.0).max_delay(SECOND * 60);
    assert_eq!(longest(policy), (MS * (200 + 600 + 1800), SECOND * (1 + 3 + 9)));
    assert_eq!(longest(Policy::exponential().multiplier(1.0)), (MS * 600, SECOND * 3));
}

/// They may come in any order, before the backoff that they change as well.
#[test]
fn in_any_order() {
    let one = Policy::exponential().base(MS * 10).multiplier(4.0).max_delay(MS * 100);
    let other = Policy::exponential().max_delay(MS * 100).multiplier(4.0).base(MS * 10);
    assert_eq!(longest(one), longest(other));
    let fibonacci = || Backoff::fibonacci(MS);
    let one = Policy::exponential().base(MS * 10).backoff(fibonacci());
    assert_eq!(longest(one).0, MS * 40);
    assert_eq!(longest(Policy::exponential().backoff(fibonacci()).base(MS * 10)).0, MS * 40);
    assert_eq!(longest(Policy::fixed(MS).base(MS * 10)).0, MS * 30);
}

/// [S9] A custom backoff that grows keeps the cap of 5 s; one that doesn't grow needs none.
#[test]
fn an_own_backoff_keeps_the_cap() {
    let of = |backoff: Backoff| longest(Policy::exponential().backoff(backoff).max_attempts(20).no_budget());
    for backoff in [
        Backoff::exponential(SECOND),
        Backoff::exponential(SECOND).multiplier(10.0),
        Backoff::linear(SECOND, SECOND),
        Backoff::fibonacci(SECOND),
        Backoff::decorrelated(SECOND),
    ] {
        let (failed, throttled) = of(backoff.clone());
        assert!(failed <= SECOND * 5 * 19 && failed == throttled, "{failed:?} with {backoff:?}");
        assert!(of(backoff.max(Duration::MAX)).0 > SECOND * 5 * 19, "unless it is switched off");
    }
    assert_eq!(of(Backoff::fixed(SECOND * 60)).0, SECOND * 60 * 19);
    assert_eq!(of(Backoff::linear(SECOND * 60, Duration::ZERO)).0, SECOND * 60 * 19);
    assert_eq!(of(Backoff::iterator(|| std::iter::repeat(SECOND * 60))).0, SECOND * 60 * 19);
    let own = Policy::exponential().throttled_backoff(Backoff::exponential(SECOND)).max_attempts(20);
    assert!(longest(own).1 <= SECOND * 5 * 19);
    let lower = Policy::exponential().backoff(Backoff::fixed(SECOND).max(SECOND * 2)).max_delay(SECOND);
    assert_eq!(longest(lower).0, SECOND * 3, "the lower of two caps holds");
}

/// [S8] Invalid settings are refused under the name of the setter that was called.
#[test]
fn bad_values_are_refused_by_name() {
    let base = |base: Duration| Policy::exponential().base(base);
    let waits = || Backoff::iterator(|| [MS].into_iter());
    for (policy, setting, range) in [
        (base(SECOND * 5 + MS), "base", "5 s"),
        (base(Duration::MAX), "base", "5 s"),
        (base(SECOND).max_delay(MS * 999), "max_delay", "at least the base"),
        (Policy::exponential().max_delay(MS * 199), "max_delay", "at least the base"),
        (Policy::exponential().max_delay(Duration::ZERO), "max_delay", "at least the base"),
        (Policy::fixed(SECOND).max_delay(MS), "max_delay", "at least the base"),
        (base(Duration::ZERO), "backoff", "above zero"),
        (base(MS).backoff(waits()), "base", "iterator"),
        (
            Policy::exponential().backoff(Backoff::exponential(MS).max(MS * 5)).base(MS * 6),
            "base",
            "at most the cap",
        ),
        (Policy::exponential().backoff(Backoff::exponential(SECOND * 6)), "backoff", "cap"),
        (Policy::exponential().throttled_backoff(Backoff::fibonacci(SECOND * 6)), "throttled_backoff", "cap"),
        (Policy::exponential().multiplier(0.5), "backoff", "multiplier"),
        (Policy::exponential().multiplier(f64::NAN), "backoff", "multiplier"),
        (Policy::fixed(MS).multiplier(2.0), "backoff", "multiplier"),
    ] {
        let error = policy.build().expect_err(setting);
        assert_eq!(error.setting(), setting, "{error}");
        assert!(error.range().contains(range), "{error}");
    }
    assert!(base(SECOND * 5).build().is_ok(), "at the cap");
    assert!(base(SECOND * 60).max_delay(SECOND * 60).build().is_ok());
    assert!(Policy::exponential().max_delay(MS * 200).build().is_ok());
}
