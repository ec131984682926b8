//! When retries stop: the rules of the policy, and how a call overrides them.

mod kit;

use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Classify, Kind, StopReason};
use buttress_retry::{Backoff, Budget, Policy, PolicyBuilder, RetryLayer, retry, retry_blocking};
use buttress_test::{Step, TestError};
use kit::{MS, call, plain, reported, script};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

/// Attempts that take 50 ms each and fail, in a context.
async fn stops(policy: PolicyBuilder, cx: Context) -> (u32, Option<StopReason>) {
    let inner = script(vec![Step::fail(Kind::Unavailable).after(MS * 50); 99]);
    let (outcome, report) = reported(cx, call(policy, &inner)).await;
    let effort = outcome.expect_err("every attempt fails").retry_summary().cloned();
    assert!(effort.is_none_or(|effort| Some(effort.stopped) == report.stopped));
    (inner.calls(), report.stopped)
}

/// Attempts, elapsed time, deadline and rules combine: the first to apply ends the retries.
#[tokio::test(start_paused = true)]
async fn rules_combine() {
    let cx = Context::default;
    let many = || plain().max_attempts(99);
    assert_eq!(stops(many().max_attempts(4), cx()).await, (4, Some(StopReason::Attempts)));
    // Attempts begin at 0, 150, 300, 450 ms.
    assert_eq!(stops(many().max_elapsed(MS * 450), cx()).await, (4, Some(StopReason::Elapsed)));
    assert_eq!(stops(many().max_elapsed(MS * 449), cx()).await, (3, Some(StopReason::Elapsed)));
    let deadline = || cx().with_timeout(MS * 400);
    assert_eq!(stops(many().max_elapsed(MS * 450), deadline()).await, (3, Some(StopReason::Deadline)));
    assert_eq!(stops(many().max_elapsed(MS * 200), deadline()).await, (2, Some(StopReason::Elapsed)));

    let rule = many().stop_when(|call| call.attempts >= 3 && call.elapsed >= MS * 600);
    // The failures end at 50, 200, 350, 500, 650 ms. (Without the clock at the start they count from the first.)
    assert_eq!(stops(rule.clone().max_elapsed(Duration::MAX), cx()).await, (5, Some(StopReason::Rule)));
    assert_eq!(stops(rule.clone(), cx()).await, (5, Some(StopReason::Rule)));
    assert_eq!(stops(rule.max_attempts(2), cx()).await, (2, Some(StopReason::Attempts)));
    let kind = many().stop_when(|call| call.class.kind == Kind::Unavailable);
    assert_eq!(stops(kind, cx()).await, (1, Some(StopReason::Rule)));
    let rushed = many().stop_when(|call| call.remaining.is_some_and(|left| left < MS * 1000));
    assert_eq!(stops(rushed.clone(), cx().with_timeout(MS * 1200)).await, (3, Some(StopReason::Rule)));
    assert_eq!(stops(rushed.max_attempts(7), cx()).await, (7, Some(StopReason::Attempts)));
}

/// A failure that one retry may help is retried once, also among others, and then is exhausted.
#[tokio::test(start_paused = true)]
async fn line_11_a_failure_is_retried_once() {
    let once = || Step::fail(Class::new(Kind::Unavailable).retry_once());
    let other = || Step::fail(Kind::Unavailable);
    for (steps, attempts) in [
        (vec![once(), once(), once()], 2),
        (vec![other(), once(), other(), once(), other()], 4),
        (vec![once(), other(), other(), other(), other()], 5),
    ] {
        let steps: Vec<_> = steps.into_iter().chain(vec![other(); 9]).collect();
        let inner = script(steps);
        let (outcome, report) = reported(Context::default(), call(plain().max_attempts(5), &inner)).await;
        assert_eq!((inner.calls(), report.stopped), (attempts, Some(StopReason::Attempts)));
        assert!(outcome.unwrap_err().class().exhausted, "an outer retry does not retry it either");
    }
}

/// No attempt begins later than `max_elapsed` after the call, whatever the waits; `max_total_backoff` includes it.
#[tokio::test(start_paused = true)]
async fn no_attempt_begins_too_late() {
    for longest in (0..2000).step_by(130) {
        let policy =
            Policy::exponential().no_budget().max_attempts(99).max_elapsed(MS * longest).build().unwrap();
        assert!(
            policy.max_total_backoff() <= MS * longest
                && policy.max_total_throttled_backoff() <= MS * longest
        );
        let start = Instant::now();
        let latest = std::cell::Cell::new(Duration::ZERO);
        let outcome = retry(&policy, || async {
            latest.set(start.elapsed());
            sleep(MS * 20).await;
            Err::<(), _>(TestError::from(Kind::Timeout))
        });
        assert!(outcome.await.is_err());
        assert!(latest.get() <= MS * longest, "{:?} of {longest} ms", latest.get());
    }
}

/// A call may allow itself other attempts than the policy has: none but the first, fewer, or more; in the layer, the
/// function and the thread, for every inner retry.
#[tokio::test(start_paused = true)]
async fn a_call_overrides_the_policy() {
    for (policy, override_, expected) in [(3, 1, 1), (3, 0, 1), (3, 2, 2), (3, 5, 5), (1, 4, 4)] {
        let cx = || Context::default().with_max_attempts(override_);
        let (calls, stopped) = stops(plain().max_attempts(policy), cx()).await;
        assert_eq!((calls, stopped), (expected, Some(StopReason::Attempts)), "{policy} {override_}");

        let built = plain().max_attempts(policy).backoff(Backoff::none()).build().unwrap();
        let fail = || std::future::ready(Err::<(), _>(TestError::from(Kind::Timeout)));
        let error = cx().scope(retry(&built, fail)).await.unwrap_err();
        let attempts = error.retry_summary().map_or(1, |effort| effort.attempts);
        assert_eq!(attempts, expected);
        assert_eq!(error.retry_summary().is_some_and(|effort| effort.exhausted), expected > 1);
        let error = cx().run(|| retry_blocking(&built, || Err::<(), _>(TestError::from(Kind::Timeout))));
        assert_eq!(error.unwrap_err().retry_summary().map_or(1, |effort| effort.attempts), expected);
    }
    let inner = script(vec![Step::fail(Kind::Unavailable); 9]);
    let layer = || RetryLayer::new(plain().build().unwrap()).assume_idempotent();
    let stack = layer().layer(layer().layer(inner.clone()));
    let _ = Context::default().with_max_attempts(2).scope(stack.oneshot(7)).await;
    assert_eq!(inner.calls(), 2);
}

/// [S9] [S11] A thread keeps to the waits, the deadline, the budget and the attempt numbers of the context too.
#[test]
fn a_thread_keeps_to_the_policy() {
    let policy = plain().backoff(Backoff::linear(MS, MS).jitter(buttress_retry::Jitter::None));
    let policy = policy.max_attempts(4).build().unwrap();
    let (start, mut seen) = (Instant::now(), Vec::new());
    let error = retry_blocking(&policy, || {
        seen.push(Context::current().attempt());
        Err::<(), _>(TestError::from(Kind::Timeout))
    });
    let effort = error.unwrap_err().retry_summary().cloned().unwrap();
    assert_eq!((effort.attempts, effort.stopped, seen), (4, StopReason::Attempts, vec![1, 2, 3, 4]));
    assert!(start.elapsed() >= MS * (1 + 2 + 3));

    let late = Context::default().with_timeout(MS * 20);
    let policy = plain().backoff(Backoff::fixed(MS * 1000)).build().unwrap();
    let start = Instant::now();
    let error = late.run(|| retry_blocking(&policy, || Err::<(), _>(TestError::from(Kind::Timeout))));
    assert_eq!(error.unwrap_err().retry_summary().map(|effort| effort.stopped), Some(StopReason::Deadline));
    assert!(start.elapsed() < MS * 1000);

    let budget = Budget::tokens(5).build().unwrap();
    let policy = plain().backoff(Backoff::none()).budget(budget.clone()).build().unwrap();
    let error = retry_blocking(&policy, || Err::<(), _>(TestError::from(Kind::Unavailable)));
    assert_eq!(
        error.unwrap_err().retry_summary().map(|effort| (effort.attempts, effort.stopped)),
        Some((2, StopReason::Budget))
    );
    let mut first = true;
    assert!(budget.withdraw(Kind::Unavailable).is_none(), "it is spent");
    retry_blocking(&policy, || {
        if std::mem::take(&mut first) { Ok(1) } else { Err(TestError::from(Kind::Timeout)) }
    })
    .unwrap();
    assert_eq!(budget.available(), 1, "a success gives one token back");

    let owns = plain().backoff(Backoff::none()).disable_inner_retries().build().unwrap();
    let inner = plain().backoff(Backoff::none()).build().unwrap();
    let mut calls = 0;
    let _ = retry_blocking(&owns, || {
        retry_blocking(&inner, || {
            calls += 1;
            Err::<(), _>(TestError::from(Kind::Timeout))
        })
    });
    assert_eq!(calls, 3);
}

/// [S15] Every stop that ends retries marks the error as exhausted, so that an outer retry leaves it alone: by
/// attempts, deadline, budget, elapsed time and rule.
#[tokio::test(start_paused = true)]
async fn every_stop_of_a_retry_exhausts_the_error() {
    let cx = Context::default;
    let spent = Budget::tokens(0).build().unwrap();
    let many = || plain().max_attempts(99);
    for (policy, cx, stop) in [
        (plain(), cx(), StopReason::Attempts),
        (many(), cx().with_timeout(MS * 400), StopReason::Deadline),
        (many().budget(spent), cx(), StopReason::Budget),
        (many().max_elapsed(MS * 400), cx(), StopReason::Elapsed),
        (many().max_elapsed(MS * 50), cx(), StopReason::Elapsed),
        (many().stop_when(|call| call.attempts >= 2), cx(), StopReason::Rule),
        (many().stop_when(|_| true), cx(), StopReason::Rule),
    ] {
        let inner = script(vec![Step::fail(Kind::Unavailable).after(MS * 50); 99]);
        let error = reported(cx, call(policy, &inner)).await.0.unwrap_err();
        let effort = error.retry_summary().unwrap();
        assert_eq!((effort.stopped, effort.exhausted), (stop, true));
        let (policy, calls) = (plain().build().unwrap(), std::cell::Cell::new(0));
        let outer = retry(&policy, || {
            calls.set(calls.get() + 1);
            std::future::ready(Err::<(), _>(error.clone()))
        });
        assert!(outer.await.is_err() && calls.get() == 1, "{stop}");
    }
}
