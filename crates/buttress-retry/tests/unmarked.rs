//! Nested retries over error types that can't store that a failure is exhausted.

mod kit;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use buttress_context::Context;
use buttress_error::{Class, Classify, Error, Kind, StopReason, Verdict};
use buttress_retry::{Policy, Remedy, RetryContext, RetryLayer, on, retry, retry_blocking};
use buttress_test::{Step, TestError};
use kit::{MS, plain, script};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

/// A plain enum, which can't store a mark.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plain {
    Down,
    Slow,
}

impl Classify for Plain {
    fn class(&self) -> Class {
        match self {
            Self::Down => Kind::Unavailable.into(),
            Self::Slow => Kind::Timeout.into(),
        }
    }
}

fn built() -> Policy {
    plain().build().expect("good settings")
}

/// Counts its calls, and is pending once in each.
async fn down(calls: &Cell<u32>) -> Result<(), Plain> {
    calls.set(calls.get() + 1);
    tokio::task::yield_now().await;
    Err(Plain::Down)
}

/// [S15] Functions over a plain enum: three levels of three attempts make three attempts.
#[tokio::test(start_paused = true)]
async fn functions_over_a_plain_enum() {
    let (policy, calls) = (built(), Cell::new(0));
    let outcome = retry(&policy, || retry(&policy, || retry(&policy, || down(&calls)))).await;
    assert_eq!((outcome, calls.get()), (Err(Plain::Down), 3));
}

/// [S15] Also if what lies between waits before it hands the failure on.
#[tokio::test(start_paused = true)]
async fn across_a_wait() {
    let (policy, calls) = (built(), Cell::new(0));
    let cleans_up = || async {
        let outcome = retry(&policy, || down(&calls)).await;
        tokio::time::sleep(MS * 50).await;
        outcome
    };
    assert!(retry(&policy, cleans_up).await.is_err());
    assert_eq!(calls.replace(0), 3);
    // In a later attempt as well: the first fails by itself, without an inner retry.
    let first = Cell::new(true);
    let outcome =
        retry(&policy, || async { if first.replace(false) { Err(Plain::Slow) } else { cleans_up().await } });
    assert!(outcome.await.is_err());
    assert_eq!(calls.get(), 3);
}

/// [S15] Layers over a plain enum, and layers that judge by closures, which can't mark anything.
#[tokio::test(start_paused = true)]
async fn layers() {
    let calls = Cell::new(0);
    let layer = || RetryLayer::new(built()).assume_idempotent();
    let service = service_fn(|_: u32| down(&calls));
    let stack = ServiceBuilder::new().layer(layer()).layer(layer()).service(service);
    assert!(stack.oneshot(7).await.is_err());
    assert_eq!(calls.get(), 3);

    // What lies between waits before it hands the failure on.
    calls.set(0);
    let inner = layer().layer(service_fn(|_: u32| down(&calls)));
    let cleans_up = service_fn(|request: u32| {
        let call = inner.clone().oneshot(request);
        async {
            let outcome = call.await;
            tokio::time::sleep(MS * 50).await;
            outcome
        }
    });
    assert!(layer().layer(cleans_up).oneshot(7).await.is_err());
    assert_eq!(calls.get(), 3);

    let inner = script(vec![Step::fail(Kind::Unavailable).waits(1); 30]);
    let judge = |_: &Result<u32, TestError>| Verdict::failure(Kind::Unavailable);
    let by_closure = || layer().classify_with(judge);
    let stack = by_closure().layer(by_closure().layer(by_closure().layer(inner.clone())));
    assert!(stack.oneshot(7).await.is_err());
    assert_eq!(inner.calls(), 3);
}

/// [S15] Threads.
#[test]
fn blocking() {
    let policy = Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap();
    let calls = Cell::new(0);
    let fail = || {
        calls.set(calls.get() + 1);
        Err::<(), _>(Plain::Down)
    };
    assert!(retry_blocking(&policy, || retry_blocking(&policy, || retry_blocking(&policy, fail))).is_err());
    assert_eq!(calls.get(), 3);
}

/// [S15] A thread's retry in what makes the future, before that is polled: in the function, in `call`, and where a call
/// brings its own policy.
#[tokio::test(start_paused = true)]
async fn before_the_first_poll() {
    let (policy, thread, calls) =
        (built(), Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap(), Cell::new(0));
    let blocks = || {
        let outcome = retry_blocking(&thread, || {
            calls.set(calls.get() + 1);
            Err::<(), _>(Plain::Down)
        });
        async move {
            tokio::task::yield_now().await;
            outcome
        }
    };
    let layer = RetryLayer::new(policy.clone()).assume_idempotent();
    let service = layer.layer(service_fn(|_: u32| blocks()));
    for cx in [Context::default(), Context::default().with_retry_policy(policy.clone())] {
        assert!(cx.clone().scope(retry(&policy, blocks)).await.is_err());
        assert_eq!(calls.replace(0), 3);
        assert!(cx.scope(async { service.clone().oneshot(7).await }).await.is_err());
        assert_eq!(calls.replace(0), 3);
    }
}

/// [S15] [S17] A failure that returns after its remedy is exhausted: nested retries with one remedy run it once.
#[tokio::test(start_paused = true)]
async fn remedies_do_not_multiply() {
    let action = |()| async { Ok::<_, TestError>(()) };
    let remedy = Remedy::run(on(Kind::Unavailable), (), action).build().unwrap();
    let policy = plain().max_attempts(2).with_remedy(remedy.clone()).build().unwrap();
    let calls = Cell::new(0);
    let outcome = retry(&policy, || retry(&policy, || retry(&policy, || down(&calls)))).await;
    assert_eq!((outcome, calls.replace(0), remedy.stats().succeeded), (Err(Plain::Down), 2, 1));

    let sick = || {
        calls.set(calls.get() + 1);
        std::future::ready(Err::<(), _>(TestError::from(Kind::Unauthenticated)))
    };
    let remedy = Remedy::run(on(Kind::Unauthenticated), (), action).build().unwrap();
    let policy = plain().with_remedy(remedy.clone()).build().unwrap();
    let error = retry(&policy, || retry(&policy, || retry(&policy, sick))).await.unwrap_err();
    let effort = error.retry_summary().unwrap();
    assert_eq!((calls.get(), remedy.stats().succeeded), (2, 1));
    assert_eq!((effort.attempts, effort.stopped, effort.exhausted), (2, StopReason::NotRetryable, true));
}

/// [S15] If both error types can store the mark, only the mark counts: a session that fails like a call in it is retried, but
/// an error made from the exhausted one is not.
#[tokio::test(start_paused = true)]
async fn the_mark_is_believed() {
    type Made = fn(Error) -> Error;
    let down = || Error::new(Kind::Unavailable, "down");
    let made: [(Made, u32); 5] = [
        (|_| Error::new(Kind::Unavailable, "the session's own"), 9),
        (|error| error.context("in the session"), 3),
        (|error| Error::new(Kind::Unavailable, "the session").caused_by(error), 3),
        (|error| Error::wrap(Kind::Unavailable, error), 3),
        (|error| error.barrier(), 3),
    ];
    let (policy, calls) = (built(), Cell::new(0));
    let call = || {
        calls.set(calls.get() + 1);
        std::future::ready(Err::<(), _>(down()))
    };
    for (made, expected) in made {
        assert!(retry(&policy, || async { retry(&policy, call).await.map_err(made) }).await.is_err());
        assert_eq!(calls.replace(0), expected);
        // An error that cannot store it, or that the inner layer has not marked, is found by the note.
        let plain = || async { retry(&policy, call).await.or(Err(Plain::Down)) };
        assert!(retry(&policy, plain).await.is_err());
        assert_eq!(calls.replace(0), 3);
        let by_closure = |_: &Result<(), Error>| Verdict::failure(Kind::Unavailable);
        let unmarked = || async { retry(&policy, call).classifier(by_closure).await.map_err(made) };
        assert!(retry(&policy, unmarked).await.is_err());
        assert_eq!(calls.replace(0), 3);
    }
}

/// An exhausted failure doesn't affect later failures: not a call beside it, in the same task and poll or in
/// another, and not a failure of another kind.
#[tokio::test(start_paused = true)]
async fn only_what_was_given_up_on() {
    let (policy, calls) = (built(), Cell::new(0));
    let alone = || retry(&policy, || down(&calls));
    assert!(alone().await.is_err());
    assert_eq!(calls.replace(0), 3);
    // The next call, in the same poll as the end of the one before.
    assert!(alone().await.is_err());
    assert_eq!(calls.replace(0), 3);
    // Three at once: one is retried by the inner layer, two aren't.
    let nested = retry(&policy, || retry(&policy, || down(&calls)));
    let _ = tokio::join!(alone(), nested, alone());
    assert_eq!(calls.replace(0), 9);
    // Exhausted, but the result is another failure, which has not been retried.
    let other = || async {
        let _ = retry(&policy, || down(&calls)).await;
        Err::<(), _>(Plain::Slow)
    };
    assert_eq!(retry(&policy, other).await, Err(Plain::Slow));
    assert_eq!(calls.replace(0), 9);
    // Exhausted in the second attempt, which ends with another failure. Later attempts fail with the failure that was
    // exhausted.
    let (five, attempts) = (plain().max_attempts(5).build().unwrap(), Cell::new(0));
    let outcome = retry(&five, || async {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 2 {
            let _ = retry(&policy, || down(&calls)).await;
        }
        Err::<(), _>(if attempts.get() > 2 { Plain::Down } else { Plain::Slow })
    });
    assert!(outcome.await.is_err());
    assert_eq!((attempts.get(), calls.get()), (5, 3));
}

/// [S15] If a retry in between has recovered from it, or has panicked, outer retries retry the failures after it.
#[tokio::test(start_paused = true)]
async fn what_was_got_over_is_forgotten() {
    let (policy, calls) = (built(), Cell::new(0));
    let no_wait = || async {
        calls.set(calls.get() + 1);
        Err::<(), _>(Plain::Down)
    };
    let gets_over = || async { retry(&policy, no_wait).await.or(Ok::<_, Plain>(())) };
    let answered = || async {
        retry(&policy, gets_over).await?;
        Err::<(), _>(Plain::Down)
    };
    assert!(retry(&policy, answered).await.is_err());
    assert_eq!(calls.replace(0), 9);

    let down = || {
        calls.set(calls.get() + 1);
        Err::<(), _>(Plain::Down)
    };
    let panics = || -> Result<(), Plain> {
        let _ = policy.blocking().sleep_with(drop).run(down);
        panic!("after an inner retry gave up");
    };
    let caught = || {
        let caught = catch_unwind(AssertUnwindSafe(|| policy.blocking().sleep_with(drop).run(panics)));
        assert!(caught.is_err());
        Err::<(), _>(Plain::Down)
    };
    assert!(policy.blocking().sleep_with(drop).run(caught).is_err());
    assert_eq!(calls.get(), 9);
}

/// [S15] What an inner retry has exhausted is remembered however often the attempt is pending after that: in the
/// first attempt and a later one, of the function and of the layer.
#[tokio::test(start_paused = true)]
async fn across_many_waits() {
    let (policy, calls) = (built(), Cell::new(0));
    let cleans_up = async || {
        let outcome = retry(&policy, || down(&calls)).await;
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        outcome
    };
    let first = Cell::new(true);
    let attempt = async || if first.replace(false) { Err(Plain::Slow) } else { cleans_up().await };
    assert!(retry(&policy, &cleans_up).await.is_err());
    assert_eq!(calls.replace(0), 3, "the function's first attempt");
    assert!(retry(&policy, &attempt).await.is_err());
    assert_eq!(calls.replace(0), 3, "a later one");
    let layer = || RetryLayer::new(built()).assume_idempotent();
    assert!(layer().layer(service_fn(|_: u32| cleans_up())).oneshot(7).await.is_err());
    assert_eq!(calls.replace(0), 3, "the layer's first attempt");
    first.set(true);
    assert!(layer().layer(service_fn(|_: u32| attempt())).oneshot(7).await.is_err());
    assert_eq!(calls.replace(0), 3, "a later one");
}
