//! Calls that are dropped, and calls that panic, at each point of a call that retries.

mod kit;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use buttress_error::Kind;
use buttress_retry::{Budget, Policy, Remedy, RetryLayer, on, retry};
use buttress_test::{Boom, Step, Strict, TestError};
use kit::{MS, call, plain, script};
use tokio::time::{Instant, advance, timeout};
use tower::{Layer, Service, ServiceExt};

fn ten() -> Budget {
    Budget::ratio(0.0).min_per_second(1).build().expect("good settings")
}

/// Attempts of 20 ms with 30 ms to get ready, 100 ms apart: fails, fails, succeeds.
fn slow() -> Strict {
    let fail = || Step::fail(Kind::Unavailable).after(MS * 20);
    script([fail(), fail(), Step::ok().after(MS * 20)]).ready_after(MS * 30)
}

/// [S1] Dropped at any moment: the attempt under way and its instance go, a retry that waits is given back, one that
/// began stays spent, nothing is counted twice.
#[tokio::test(start_paused = true)]
async fn dropped_at_every_moment() {
    let mut seen = Vec::new();
    for millis in (0..360).step_by(5) {
        let (inner, budget) = (slow(), ten());
        let cut = timeout(MS * millis + MS / 2, call(plain().budget(budget.clone()), &inner)).await;
        assert_eq!((inner.alive(), inner.reserved()), (0, 0), "dropped after {millis} ms");
        let retries = inner.calls().saturating_sub(1);
        assert_eq!(budget.available(), 10 - retries, "dropped after {millis} ms");
        seen.push((inner.calls(), cut.is_ok()));
    }
    seen.dedup();
    assert_eq!(seen, [(0, false), (1, false), (2, false), (3, false), (3, true)], "every stage was met");
}

/// [S1] The function as well, with tokens: those of a retry that waits come back.
#[tokio::test(start_paused = true)]
async fn the_function_dropped_at_every_moment() {
    for millis in (0..250).step_by(5) {
        let budget = Budget::tokens(500).build().unwrap();
        let policy = plain().budget(budget.clone()).build().unwrap();
        let calls = std::cell::Cell::new(0);
        let attempt = || {
            calls.set(calls.get() + 1);
            async {
                tokio::time::sleep(MS * 20).await;
                Err::<(), _>(TestError::from(Kind::Unavailable))
            }
        };
        assert!(timeout(MS * millis + MS / 2, retry(&policy, attempt)).await.is_err());
        assert_eq!(budget.available(), 500 - 5 * (calls.get() - 1_u32), "dropped after {millis} ms");
    }
}

/// [S1] [S17] With a remedy in between, which costs the budget nothing: it goes on when the call that began it is dropped.
#[tokio::test(start_paused = true)]
async fn dropped_with_a_remedy_at_every_moment() {
    let mut seen = Vec::new();
    for millis in (0..330).step_by(5) {
        let fail = |kind| Step::fail(kind).after(MS * 20);
        let inner = script([fail(Kind::Unavailable), fail(Kind::Unauthenticated), fail(Kind::Unavailable)]);
        let repair = |()| async {
            tokio::time::sleep(MS * 50).await;
            Ok::<_, TestError>(())
        };
        let remedy = Remedy::run(on(Kind::Unauthenticated), (), repair).build().unwrap();
        let budget = Budget::tokens(50).build().unwrap();
        let policy = plain().max_attempts(4).budget(budget.clone()).with_remedy(remedy.clone());
        let cut = timeout(MS * millis + MS / 2, call(policy, &inner)).await;
        assert_eq!((inner.alive(), inner.reserved()), (0, 0), "dropped after {millis} ms");
        let paid = 50 - [0, 0, 5, 5, 10][inner.calls() as usize] + if cut.is_ok() { 5 } else { 0 };
        assert_eq!(budget.available(), paid, "dropped after {millis} ms");
        advance(MS * 50).await;
        tokio::task::yield_now().await;
        let remedied = remedy.stats().succeeded;
        assert_eq!(
            (remedied, remedy.stats().failed),
            (u64::from(millis >= 140), 0),
            "dropped after {millis} ms"
        );
        seen.push((inner.calls(), remedied, cut.is_ok()));
    }
    seen.dedup();
    let all = [(1, 0, false), (2, 0, false), (2, 1, false), (3, 1, false), (4, 1, true)];
    assert_eq!(seen, all, "every stage was met");
}

/// [S2] A panic in a retry, in `call` or in a poll, goes on unchanged; nothing stays reserved, even if the future is
/// kept, and the next call works.
#[tokio::test(start_paused = true)]
async fn a_retry_that_panics() {
    for panics in [Step::panic(), Step::panic_in_call(), Step::panic().waits(1)] {
        let budget = ten();
        let inner = script([Step::fail(Kind::Unavailable), panics]);
        let layer = RetryLayer::new(plain().budget(budget.clone()).build().unwrap()).assume_idempotent();
        let mut service = layer.layer(inner.clone());
        let mut future = Box::pin(service.ready().await.unwrap().call(7));
        let start = Instant::now();
        let payload = loop {
            let polled =
                catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Task::from_waker(Waker::noop()))));
            match polled {
                Err(payload) => break payload,
                Ok(polled) => assert!(polled.is_pending() && start.elapsed() < Duration::from_secs(1)),
            }
            advance(MS * 10).await;
        };
        assert!(Boom::is(&*payload));
        assert_eq!((inner.calls(), inner.reserved(), budget.available()), (2, 0, 9));
        drop(future);
        assert_eq!((inner.alive(), budget.available()), (0, 9), "the retry had begun: it is spent, once");
        assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 7);
    }
}

/// [S3] Pending always comes with a waker: each poll of a call that retries is asked for, and there are few.
#[tokio::test(start_paused = true)]
async fn polled_when_woken_only() {
    let inner = slow();
    let layer = RetryLayer::new(plain().build().unwrap()).assume_idempotent();
    let mut service = layer.layer(inner);
    let mut future = pin!(service.ready().await.unwrap().call(7));
    let mut polls = 0;
    let outcome = std::future::poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    assert_eq!(outcome.await.unwrap(), 7);
    // Three attempts, two waits, two times getting ready, and the start: each is one wake.
    assert_eq!(polls, 3 + 2 + 2 + 1);
}

/// A call that is never polled does nothing but what `call` did.
#[tokio::test(start_paused = true)]
async fn never_polled() {
    let inner = Strict::new();
    let mut service = RetryLayer::new(Policy::default()).layer(inner.clone());
    drop(service.ready().await.unwrap().call(7));
    assert_eq!((inner.calls(), inner.alive()), (1, 0));
    let policy = Policy::default();
    let mut future = pin!(retry(&policy, || async { Ok::<_, TestError>(7) }));
    assert!(matches!(future.as_mut().poll(&mut Task::from_waker(Waker::noop())), Poll::Ready(Ok(7))));
}
