//! The longest waits, the most attempts, the latest deadlines.

mod kit;

use std::pin::pin;
use std::task::{Context as Task, Waker};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Kind};
use buttress_retry::{Backoff, Jitter, Policy, PolicyBuilder, retry};
use buttress_test::{Step, TestError};
use kit::{MS, call, plain, script};
use tokio::time::Instant;

const MAX: Duration = Duration::MAX;

fn backoffs() -> impl Iterator<Item = Backoff> {
    let kinds = [
        Backoff::fixed(MAX),
        Backoff::linear(MAX, MAX).max(MAX),
        Backoff::exponential(MAX).multiplier(f64::MAX).max(MAX),
        Backoff::fibonacci(MAX).max(MAX),
        Backoff::iterator(|| std::iter::repeat(MAX)),
    ];
    let jitters = [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Proportional(1.0)];
    let kinds = kinds.into_iter().flat_map(move |kind| jitters.map(|jitter| kind.clone().jitter(jitter)));
    kinds.chain([Backoff::decorrelated(MAX).max(MAX)])
}

fn longest(backoff: Backoff) -> PolicyBuilder {
    plain()
        .backoff(backoff)
        .max_attempts(u32::MAX)
        .max_retry_after(MAX)
        .retry_after_slack(MAX)
        .max_elapsed(MAX)
        .stop_when(|call| call.attempts == 30)
}

/// [S5] [S9] [S10] The longest there are, and the most attempts: nothing overflows, nothing panics.
#[tokio::test(start_paused = true)]
async fn the_longest_total_waits() {
    for (backoff, asked) in backoffs().flat_map(|backoff| [(backoff.clone(), None), (backoff, Some(MAX))]) {
        let policy = longest(backoff.clone()).build().unwrap();
        let class = asked
            .map_or(Class::from(Kind::Throttled), |asked| Class::from(Kind::Throttled).retry_after(asked));
        let mut waits = 0;
        let attempt = || Err::<(), _>(TestError::from(class));
        let sleeps = |wait: Duration| {
            waits += 1;
            assert!(waits < 30, "the rule stops it");
            assert!(asked.is_none() || wait == MAX, "{wait:?} with {backoff:?}");
        };
        let outcome = policy.blocking().sleep_with(sleeps).run(attempt);
        let effort = outcome.unwrap_err().retry_summary().cloned().unwrap();
        assert_eq!(effort.attempts, 30);
        assert!(policy.max_total_backoff() <= MAX && policy.max_total_wait() <= MAX);

        let mut future = pin!(retry(&policy, || async { Err::<(), _>(TestError::from(class)) }));
        assert!(
            future.as_mut().poll(&mut Task::from_waker(Waker::noop())).is_pending(),
            "it sleeps, or yields"
        );
    }
}

/// [S11] No wait fits before any deadline, and none is begun.
#[tokio::test(start_paused = true)]
async fn with_a_deadline() {
    let far = Instant::now() + Duration::from_secs(86400 * 365 * 20);
    for cx in [Context::default().with_deadline(far), Context::default().with_timeout(MS)] {
        let inner = script(vec![Step::fail(Kind::Unavailable); 3]);
        cx.clone().scope(call(longest(Backoff::fixed(MAX)), &inner)).await.unwrap_err();
        assert_eq!(inner.calls(), 1);
        let inner = script(vec![Step::fail(Kind::Unavailable); 3]);
        cx.scope(call(plain().backoff(Backoff::none()).min_attempt_time(MAX), &inner)).await.unwrap_err();
        assert_eq!(inner.calls(), 1);
    }
    // A deadline beyond all times is none.
    let inner = script(vec![Step::fail(Kind::Unavailable); 2]);
    Context::default().with_timeout(MAX).scope(call(plain(), &inner)).await.unwrap();
}

/// A policy without attempts beyond the first needs no more than any: it never waits.
#[tokio::test(start_paused = true)]
async fn one_attempt() {
    let start = Instant::now();
    let inner = script(vec![Step::fail(Kind::Unavailable); 3]);
    call(Policy::exponential().max_attempts(1), &inner).await.unwrap_err();
    let most = Context::default().with_max_attempts(u32::MAX);
    most.scope(call(Policy::exponential().max_attempts(1).backoff(Backoff::none()), &inner)).await.unwrap();
    assert_eq!((inner.calls(), start.elapsed()), (4, Duration::ZERO));
}

/// The longest that a call can wait is the sum of all its waits, however many, and of no more than there are.
#[test]
fn the_sum_of_all_waits() {
    let built = |backoff, attempts| plain().backoff(backoff).max_attempts(attempts).build().unwrap();
    let second = Duration::from_secs(1);
    let (many, waits) = (u32::MAX, u32::MAX - 1);
    assert_eq!(built(Backoff::fixed(second), many).max_total_backoff(), second * waits);
    assert_eq!(built(Backoff::fixed(second), 10_001).max_total_backoff(), second * 10_000);
    assert_eq!(built(Backoff::fixed(second), 10_002).max_total_backoff(), second * 10_001);
    let ends = || Backoff::iterator(|| [MS, MS * 2].into_iter());
    assert_eq!(built(ends(), many).max_total_backoff(), MS * 3);
    assert_eq!(built(ends().jitter(Jitter::Proportional(0.5)), many).max_total_backoff(), MS * 9 / 2);
    assert_eq!(built(ends(), many).max_total_wait(), second * 120, "60 s each");
}
