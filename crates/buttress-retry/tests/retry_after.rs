//! Waits that the server asks for.

mod kit;

use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Kind, StopReason};
use buttress_retry::{Backoff, Jitter, Policy, PolicyBuilder};
use buttress_test::Step;
use kit::{MS, call, call_built, plain, reported, script};
use tokio::time::Instant;

async fn wait_of(policy: PolicyBuilder, asked: Duration) -> Duration {
    let inner = script([Step::fail(Class::new(Kind::Unavailable).retry_after(asked))]);
    let start = Instant::now();
    call(policy, &inner).await.expect("the second attempt succeeds");
    assert_eq!(inner.calls(), 2);
    start.elapsed()
}

/// [S10] The wait is the longer of the server's and the backoff.
#[tokio::test(start_paused = true)]
async fn the_longer_of_both() {
    assert_eq!(wait_of(plain(), MS * 3).await, MS * 100);
    assert_eq!(wait_of(plain(), Duration::ZERO).await, MS * 100);
    assert_eq!(wait_of(plain(), MS * 3000).await, MS * 3000);
}

/// [S10] The server's wait is cut at `max_retry_after`, by default 60 s, but never below the backoff.
#[tokio::test(start_paused = true)]
async fn cut_at_the_maximum() {
    assert_eq!(wait_of(plain(), Duration::from_secs(60)).await, Duration::from_secs(60));
    assert_eq!(wait_of(plain(), Duration::from_secs(61)).await, Duration::from_secs(60));
    assert_eq!(wait_of(plain(), Duration::MAX).await, Duration::from_secs(60));
    assert_eq!(wait_of(plain().max_retry_after(MS * 700), Duration::MAX).await, MS * 700);
    assert_eq!(wait_of(plain().max_retry_after(MS), Duration::MAX).await, MS * 100);
}

/// [S10] A wait that ends beyond the deadline isn't begun: the call stops at once, with the server's error.
#[tokio::test(start_paused = true)]
async fn beyond_the_deadline_it_stops() {
    for asked in [MS * 500, Duration::MAX] {
        let inner = script([Step::fail(Class::new(Kind::Throttled).retry_after(asked))]);
        let start = Instant::now();
        let cx = Context::default().with_timeout(MS * 500);
        let (outcome, report) = reported(cx, call(plain().max_retry_after(Duration::MAX), &inner)).await;
        assert_eq!((inner.calls(), start.elapsed()), (1, Duration::ZERO));
        assert_eq!(
            (outcome.unwrap_err().kind(), report.stopped),
            (Kind::Throttled, Some(StopReason::Deadline))
        );
    }
}

/// [S10] The rule of the AWS SDKs is opt-in: at most a slack more than the backoff.
#[tokio::test(start_paused = true)]
async fn slack_is_opt_in() {
    let policy = || plain().retry_after_slack(MS * 5000);
    assert_eq!(wait_of(policy(), MS * 3).await, MS * 100);
    assert_eq!(wait_of(policy(), MS * 4000).await, MS * 4000);
    assert_eq!(wait_of(policy(), MS * 9000).await, MS * 5100);
    assert_eq!(wait_of(policy().retry_after_slack(Duration::MAX), MS * 9000).await, MS * 9000);
}

/// [S10] No wait, however long, panics.
#[tokio::test(start_paused = true)]
async fn a_huge_wait_is_waited() {
    let policy = plain().max_retry_after(Duration::MAX).retry_after_slack(Duration::MAX);
    let inner = script([Step::fail(Class::new(Kind::Unavailable).retry_after(Duration::MAX))]);
    let waited = tokio::time::timeout(Duration::from_secs(86_400), call(policy, &inner)).await;
    assert!(waited.is_err());
    assert_eq!(inner.calls(), 1);
}

/// [S10] Callers that were given the same wait don't retry at the same moment: jitter goes on top of the server's wait,
/// 10 % of it and at least the base of the backoff. Never less than the server said.
#[tokio::test(start_paused = true)]
async fn callers_told_the_same_are_spread() {
    let jittered = |kind: Kind, asked: u64, longest: u64| async move {
        let asked = MS * u32::try_from(asked).unwrap();
        let mut waits = Vec::new();
        for _ in 0..200 {
            let inner = script([Step::fail(Class::new(kind).retry_after(asked))]);
            let backoff = |base| Backoff::exponential(MS * base).max(MS * 5000);
            let policy = Policy::exponential().backoff(backoff(50)).throttled_backoff(backoff(1000));
            let start = Instant::now();
            call(policy.no_budget(), &inner).await.unwrap();
            waits.push(start.elapsed());
        }
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        let longest = MS * u32::try_from(longest).unwrap();
        assert!(*least >= asked && *most <= longest + MS, "{least:?} {most:?}");
        assert!(*most - *least > (longest - asked) / 2, "{least:?} {most:?}");
    };
    jittered(Kind::Throttled, 1_000, 2_000).await;
    jittered(Kind::Throttled, 30_000, 33_000).await;
    jittered(Kind::Unavailable, 100, 150).await;
    jittered(Kind::Unavailable, 10_000, 11_000).await;
}

/// [S10] No jitter on top goes beyond the deadline or `max_elapsed`.
#[tokio::test(start_paused = true)]
async fn jitter_keeps_to_the_deadline() {
    let step = || Step::fail(Class::new(Kind::Throttled).retry_after(MS * 1000));
    for _ in 0..100 {
        let inner = script([step()]);
        let start = Instant::now();
        let cx = Context::default().with_timeout(MS * 1100);
        reported(cx, call(Policy::exponential().no_budget(), &inner)).await.0.unwrap();
        assert!(start.elapsed() >= MS * 1000 && start.elapsed() < MS * 1100, "{:?}", start.elapsed());
        let (inner, start) = (script([step()]), Instant::now());
        call(Policy::exponential().no_budget().max_elapsed(MS * 1050), &inner).await.unwrap();
        assert!(start.elapsed() >= MS * 1000 && start.elapsed() <= MS * 1050, "{:?}", start.elapsed());
        // The server's wait just fits, without any jitter.
        let inner = script([step()]);
        let cx = Context::default().with_timeout(MS * 1001);
        reported(cx, call(Policy::exponential().no_budget(), &inner)).await.0.unwrap();
    }
}

/// [S10] None where the backoff has no jitter, or a slack is set.
#[tokio::test(start_paused = true)]
async fn jitter_on_top_only_of_a_backoff_with_jitter() {
    let full = || Backoff::exponential(MS * 100);
    for backoff in [
        full().jitter(Jitter::None),
        full().jitter(Jitter::Proportional(0.0)),
        Backoff::fixed(MS),
        Backoff::iterator(|| std::iter::repeat(MS)),
    ] {
        assert_eq!(wait_of(plain().backoff(backoff), MS * 3000).await, MS * 3000);
    }
    for backoff in [full(), full().jitter(Jitter::Equal), Backoff::decorrelated(MS * 100)] {
        let mut waits = Vec::new();
        for _ in 0..50 {
            waits.push(wait_of(plain().backoff(backoff.clone()), MS * 3000).await);
        }
        waits.dedup();
        assert!(waits.len() > 25, "{backoff:?}");
        for _ in 0..20 {
            let slack = plain().backoff(backoff.clone()).retry_after_slack(MS * 5000);
            assert_eq!(wait_of(slack, MS * 3000).await, MS * 3000);
        }
    }
}

/// The longest waits of a call include the jitter on top of the server's.
#[tokio::test(start_paused = true)]
async fn the_longest_asked_waits_are_a_bound() {
    let full = |base| Backoff::exponential(MS * base).max(MS * 5000);
    for longest_asked in [0, 40, 300, 4_900, 5_000, 60_000] {
        let policy = Policy::exponential()
            .backoff(full(200))
            .throttled_backoff(full(1000))
            .max_retry_after(MS * longest_asked)
            .max_attempts(4)
            .no_budget()
            .build()
            .unwrap();
        let bound = policy.max_total_wait();
        for asked in [1, 200, 900, 4_900, 5_100, 100_000] {
            for kind in [Kind::Throttled, Kind::Unavailable] {
                let inner = script(vec![Step::fail(Class::new(kind).retry_after(MS * asked)); 4]);
                let outcome = reported(Context::default(), call_built(policy.clone(), &inner)).await;
                assert!(
                    outcome.1.delay <= bound,
                    "{:?} > {bound:?} {longest_asked} {asked}",
                    outcome.1.delay
                );
            }
        }
    }
    let exact = Policy::exponential().backoff(full(200)).max_attempts(4).no_budget().build().unwrap();
    assert_eq!(exact.max_total_wait(), MS * 3 * 66_000);
}
