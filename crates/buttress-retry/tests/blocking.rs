//! Retries that block, and their settings.

mod kit;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use buttress_context::{Context, Report};
use buttress_error::{Class, Delivery, Kind, Verdict};
use buttress_retry::{Backoff, Budget, Jitter, Policy, RetryContext, on};
use buttress_test::TestError;
use kit::{MS, plain, reported};
use tokio::time::Instant;

/// Fails with this at every attempt, and counts them.
fn failing<'a>(
    class: impl Into<Class> + Copy + 'a,
    calls: &'a Cell<u32>,
) -> impl FnMut() -> Result<(), TestError> + 'a {
    move || {
        calls.set(calls.get() + 1);
        Err(TestError::from(class.into()))
    }
}

/// [S9] The sleep is given each wait, of any length, as the policy says; none that is zero.
#[test]
fn a_sleep_of_ones_own() {
    let backoff = Backoff::exponential(Duration::from_secs(3600)).max(Duration::MAX).jitter(Jitter::None);
    let policy = Policy::exponential().no_budget().backoff(backoff).max_attempts(4).build().unwrap();
    let (calls, mut slept) = (Cell::new(0), Vec::new());
    policy
        .blocking()
        .sleep_with(|wait| slept.push(wait.as_secs()))
        .run(failing(Kind::Timeout, &calls))
        .unwrap_err();
    assert_eq!((calls.take(), slept), (4, vec![3600, 7200, 14400]));

    let policy = plain().backoff(Backoff::none()).build().unwrap();
    policy.blocking().sleep_with(|_| panic!("no wait")).run(failing(Kind::Timeout, &calls)).unwrap_err();
    assert_eq!(calls.take(), 3);
}

/// The report has the wait of the policy, whatever the sleep did.
#[tokio::test(start_paused = true)]
async fn the_report_of_a_call() {
    let (calls, policy) = (Cell::new(0), plain().build().unwrap());
    let call = async { policy.blocking().sleep_with(drop).run(failing(Kind::Timeout, &calls)) };
    let (outcome, Report { attempts, delay, .. }) = reported(Context::default(), call).await;
    assert_eq!((outcome.is_err(), attempts, delay), (true, 3, MS * 200));
}

/// By default the thread sleeps.
#[test]
fn the_thread_sleeps() {
    let (calls, policy) = (Cell::new(0), Policy::fixed(MS * 5).max_attempts(3).build().unwrap());
    let start = Instant::now();
    policy.blocking().run(failing(Kind::Timeout, &calls)).unwrap_err();
    assert_eq!(calls.take(), 3);
    assert!(start.elapsed() >= MS * 10);
}

/// [S12] An operation that is not idempotent is retried only if the attempt was provably not processed.
#[test]
fn not_idempotent() {
    let (calls, policy) = (Cell::new(0), plain().build().unwrap());
    let call = |class: Class| policy.blocking().not_idempotent().sleep_with(drop).run(failing(class, &calls));
    call(Kind::Timeout.into()).unwrap_err();
    assert_eq!(calls.take(), 1);
    call(Class::from(Kind::Timeout).delivery(Delivery::NotProcessed)).unwrap_err();
    assert_eq!(calls.take(), 3);
}

/// A custom classifier judges every attempt, and the settings apply to a policy from the context too.
#[test]
fn a_classifier() {
    let judge = |outcome: &Result<u32, ()>| match outcome {
        Ok(n) if *n >= 4 => Verdict::success(),
        _ => Verdict::failure(Kind::Unavailable),
    };
    let (calls, policy) = (Cell::new(0), plain().build().unwrap());
    let call = || {
        let call = policy.blocking().classifier(judge).sleep_with(drop);
        call.run(|| Ok(calls.replace(calls.get() + 1)))
    };
    assert_eq!((call(), calls.take()), (Ok(2), 3), "the last outcome, though it is a failure");
    let cx = Context::default().with_retry_policy(plain().max_attempts(9).build().unwrap());
    assert_eq!((cx.run(call), calls.take()), (Ok(4), 5));
}

/// [S2] [S14] A panic goes on; a retry that it kept from beginning is paid back, one that had begun is not.
#[test]
fn panics() {
    let budget = Budget::tokens(10).build().unwrap();
    let policy =
        plain().budget(budget.clone()).remedy(on(Kind::Aborted), (), |()| async { Ok::<_, TestError>(()) });
    let policy = policy.build().unwrap();
    let calls = Cell::new(0);
    let sleeps =
        || policy.blocking().sleep_with(|_| panic!("in the sleep")).run(failing(Kind::Unavailable, &calls));
    assert!(catch_unwind(AssertUnwindSafe(sleeps)).is_err());
    assert_eq!((calls.take(), budget.available()), (1, 10));
    let attempt = || {
        assert!(calls.replace(calls.get() + 1) < 1, "in the second attempt");
        Err::<(), _>(TestError::from(Kind::Unavailable))
    };
    let attempts = || policy.blocking().sleep_with(drop).run(attempt);
    assert!(catch_unwind(AssertUnwindSafe(attempts)).is_err());
    assert_eq!((calls.take(), budget.available()), (2, 5));
}
