//! What the server asks for.

mod kit;

use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Kind, Stop};
use buttress_retry::PolicyBuilder;
use buttress_test::Step;
use kit::{MS, call, plain, reported, script};
use tokio::time::Instant;

async fn wait_of(policy: PolicyBuilder, asked: Duration) -> Duration {
    let inner = script([Step::fail(Class::new(Kind::Unavailable).retry_after(asked))]);
    let start = Instant::now();
    call(policy, &inner).await.expect("the second attempt succeeds");
    assert_eq!(inner.calls(), 2);
    start.elapsed()
}

/// [S10] the wait is the longer of the server's and the backoff.
#[tokio::test(start_paused = true)]
async fn the_longer_of_both() {
    assert_eq!(wait_of(plain(), MS * 3).await, MS * 100);
    assert_eq!(wait_of(plain(), Duration::ZERO).await, MS * 100);
    assert_eq!(wait_of(plain(), MS * 3000).await, MS * 3000);
}

/// [S10] the server's wait is cut at `max_retry_after`, by default 60 s, but never below the backoff.
#[tokio::test(start_paused = true)]
async fn cut_at_the_maximum() {
    assert_eq!(wait_of(plain(), Duration::from_secs(60)).await, Duration::from_secs(60));
    assert_eq!(wait_of(plain(), Duration::from_secs(61)).await, Duration::from_secs(60));
    assert_eq!(wait_of(plain(), Duration::MAX).await, Duration::from_secs(60));
    assert_eq!(wait_of(plain().max_retry_after(MS * 700), Duration::MAX).await, MS * 700);
    assert_eq!(wait_of(plain().max_retry_after(MS), Duration::MAX).await, MS * 100);
}

/// [S10] a wait that ends beyond the deadline isn't begun: the call stops at once, with the server's error.
#[tokio::test(start_paused = true)]
async fn beyond_the_deadline_it_stops() {
    for asked in [MS * 500, Duration::MAX] {
        let inner = script([Step::fail(Class::new(Kind::Throttled).retry_after(asked))]);
        let start = Instant::now();
        let cx = Context::default().with_timeout(MS * 500);
        let (outcome, report) = reported(cx, call(plain().max_retry_after(Duration::MAX), &inner)).await;
        assert_eq!((inner.calls(), start.elapsed()), (1, Duration::ZERO));
        assert_eq!((outcome.unwrap_err().kind(), report.stopped), (Kind::Throttled, Some(Stop::Deadline)));
    }
}

/// [S10] the rule of the AWS SDKs is opt-in: at most a slack more than the backoff.
#[tokio::test(start_paused = true)]
async fn slack_is_opt_in() {
    let policy = || plain().retry_after_slack(MS * 5000);
    assert_eq!(wait_of(policy(), MS * 3).await, MS * 100);
    assert_eq!(wait_of(policy(), MS * 4000).await, MS * 4000);
    assert_eq!(wait_of(policy(), MS * 9000).await, MS * 5100);
    assert_eq!(wait_of(policy().retry_after_slack(Duration::MAX), MS * 9000).await, MS * 9000);
}

/// [S10] no wait, however long, panics.
#[tokio::test(start_paused = true)]
async fn a_huge_wait_is_waited() {
    let policy = plain().max_retry_after(Duration::MAX).retry_after_slack(Duration::MAX);
    let inner = script([Step::fail(Class::new(Kind::Unavailable).retry_after(Duration::MAX))]);
    let waited = tokio::time::timeout(Duration::from_secs(86_400), call(policy, &inner)).await;
    assert!(waited.is_err());
    assert_eq!(inner.calls(), 1);
}
