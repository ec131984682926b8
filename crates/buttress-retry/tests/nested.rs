//! Retries within retries.

mod kit;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{BoxError, Class, Classified, Classify, Error, Kind, StopReason, Verdict};
use buttress_retry::{Policy, RetryLayer, retry};
use buttress_test::{Step, TestError};
use kit::{MS, plain, reported, script};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

fn layer(policy: Policy) -> RetryLayer {
    RetryLayer::new(policy).assume_idempotent()
}

fn built() -> Policy {
    plain().build().expect("good settings")
}

/// [S15] Three within three is three: the inner one owns the failure and stamps it, the outer one leaves it alone.
#[tokio::test(start_paused = true)]
async fn layers_do_not_multiply() {
    let inner = script(vec![Step::fail(Kind::Unavailable); 9]);
    let stack = ServiceBuilder::new().layer(layer(built())).layer(layer(built())).service(inner.clone());
    let (outcome, report) = reported(Context::default(), stack.oneshot(7)).await;
    let error = outcome.unwrap_err();
    assert_eq!(inner.calls(), 3);
    assert!(error.class().exhausted);
    assert_eq!((report.attempts, report.stopped), (3, Some(StopReason::Attempts)), "the owner's report");
    assert_eq!(report.delay, MS * 200);
}

/// [S15] Nor do functions, nor any mix, with `Error` and with `BoxError`, which keep what was done.
#[tokio::test(start_paused = true)]
async fn functions_do_not_multiply() {
    let calls = AtomicU32::new(0);
    let policy = built();
    let fail = || {
        calls.fetch_add(1, Relaxed);
        async { Err::<(), _>(Error::new(Kind::Timeout, "slow")) }
    };
    let error = retry(&policy, || retry(&policy, || retry(&policy, fail))).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 3);
    assert_eq!(
        error.retry_summary().map(|effort| (effort.attempts, effort.stopped)),
        Some((3, StopReason::Attempts))
    );

    let boxed = || async { retry(&policy, fail).await.map_err(BoxError::from) };
    let error = retry(&policy, boxed).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 3);
    assert_eq!(Error::from(error).retry_summary().map(|effort| effort.attempts), Some(3));
}

/// [S15] A call that stops for the deadline or the budget is exhausted too.
#[tokio::test(start_paused = true)]
async fn exhausted_by_deadline_or_budget() {
    let spent = buttress_retry::Budget::ratio(0.0).min_per_second(0).build().unwrap();
    let late = plain().min_attempt_time(MS * 1000);
    for (policy, stop) in [(plain().budget(spent), StopReason::Budget), (late, StopReason::Deadline)] {
        let inner = script(vec![Step::fail(Kind::Unavailable); 9]);
        let stack = ServiceBuilder::new()
            .layer(layer(built()))
            .layer(layer(policy.build().unwrap()))
            .service(inner.clone());
        let cx = Context::default().with_timeout(MS * 1000);
        let (outcome, report) = reported(cx, stack.oneshot(7)).await;
        assert_eq!(outcome.unwrap_err().retry_summary().map(|effort| effort.stopped), Some(stop));
        assert_eq!((inner.calls(), report.attempts, report.stopped), (1, 1, Some(stop)));
    }
}

/// [S15] A failure that isn't exhausted isn't stamped: a permanent error, a policy of one attempt, a request that can't be copied.
#[tokio::test(start_paused = true)]
async fn not_everything_is_exhausted() {
    let permanent = script([Step::fail(Kind::NotFound)]);
    let error = layer(built()).layer(permanent).oneshot(7).await.unwrap_err();
    assert!(!error.class().exhausted && error.retry_summary().is_none());

    let late = script([Kind::Unavailable, Kind::NotFound].map(Step::fail));
    let error = layer(built()).layer(late).oneshot(7).await.unwrap_err();
    assert!(!error.class().exhausted);
    assert_eq!(
        error.retry_summary().map(|effort| (effort.attempts, effort.stopped)),
        Some((2, StopReason::NotRetryable))
    );

    let inner = script(vec![Step::fail(Kind::Unavailable); 2]);
    let once = layer(plain().max_attempts(1).build().unwrap());
    ServiceBuilder::new().layer(layer(built())).layer(once).service(inner.clone()).oneshot(7).await.unwrap();
    assert_eq!(inner.calls(), 3, "a policy of one attempt leaves it to the next");

    let inner = script(vec![Step::fail(Kind::Unavailable); 2]);
    let uncopied = layer(built()).replay_with(|_: &u32| None);
    ServiceBuilder::new()
        .layer(layer(built()))
        .layer(uncopied)
        .service(inner.clone())
        .oneshot(7)
        .await
        .unwrap();
    assert_eq!(inner.calls(), 3, "the outer one can copy it");
}

/// [S15] An inner report of attempts that ended in a permanent error isn't written over by the outer layer.
#[tokio::test(start_paused = true)]
async fn the_inner_report_stays() {
    let kinds = Mutex::new(vec![Kind::NotFound, Kind::Unavailable]);
    let fail = || {
        let kind = kinds.lock().unwrap().pop().unwrap();
        async move { Err::<(), _>(Error::new(kind, "no")) }
    };
    let policy = built();
    let nested = retry(&policy, || retry(&policy, fail));
    let (outcome, report) = reported(Context::default(), nested).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::NotFound);
    assert_eq!((report.attempts, report.stopped), (2, Some(StopReason::NotRetryable)));
}

/// [S15] An error that was exhausted elsewhere, as across the wire, is not retried, and the retry that meets it reports it.
#[tokio::test(start_paused = true)]
async fn exhausted_elsewhere() {
    let inner = script([Step::fail(Class::new(Kind::Unavailable).exhausted())]);
    let (outcome, report) =
        reported(Context::default(), layer(built()).layer(inner.clone()).oneshot(7)).await;
    assert!(outcome.is_err());
    assert_eq!((inner.calls(), report.attempts, report.stopped), (1, 1, Some(StopReason::NotRetryable)));
    assert_eq!(report.last.unwrap().kind, Kind::Unavailable);
}

/// [S15] A failure from another task carries the mark, even inside an `io::Error` or a box.
#[tokio::test(start_paused = true)]
async fn across_tasks() {
    async fn calls<E: Classified + Send + 'static>(carried: fn(Error) -> E) -> u32 {
        let (policy, calls) = (built(), Arc::new(AtomicU32::new(0)));
        let nested = retry(&policy, || {
            let (policy, calls) = (policy.clone(), Arc::clone(&calls));
            let attempt = move || {
                calls.fetch_add(1, Relaxed);
                std::future::ready(Err::<(), _>(carried(Error::new(Kind::Unavailable, "down"))))
            };
            async { tokio::spawn(async move { retry(&policy, attempt).await }).await.unwrap() }
        });
        assert!(nested.await.is_err());
        calls.load(Relaxed)
    }
    assert_eq!(calls(|error| error).await, 3);
    assert_eq!(calls(BoxError::from).await, 3);
    assert_eq!(calls(io::Error::other).await, 3);
    assert_eq!(calls(|error| io::Error::other(io::Error::other(error))).await, 3);
    assert_eq!(calls(|error| BoxError::from(io::Error::other(error))).await, 3);
}

/// [S15] The other way round on request: under `disable_inner_retries` the inner ones run once.
#[tokio::test(start_paused = true)]
async fn disable_inner_retries() {
    let owner = || plain().disable_inner_retries().max_attempts(4).build().unwrap();
    let inner = script(vec![Step::fail(Kind::Unavailable); 40]);
    let stack = ServiceBuilder::new()
        .layer(layer(owner()))
        .layer(layer(built()))
        .layer(layer(plain().disable_inner_retries().max_attempts(2).build().unwrap()))
        .service(inner.clone());
    let (outcome, report) = reported(Context::default(), stack.oneshot(7)).await;
    assert_eq!(inner.calls(), 4);
    assert_eq!(outcome.unwrap_err().retry_summary().unwrap().attempts, 4);
    assert_eq!((report.attempts, report.stopped), (4, Some(StopReason::Attempts)));

    let calls = AtomicU32::new(0);
    let (policy, owner) = (built(), owner());
    let fail = || {
        calls.fetch_add(1, Relaxed);
        async { Err::<(), _>(TestError::from(Kind::Timeout)) }
    };
    retry(&owner, || retry(&policy, fail)).await.unwrap_err();
    assert_eq!(calls.load(Relaxed), 4);
}

/// [S15] The number of the attempt is in the context: in `call`, in polls and on drop; outside it stays what it was.
#[tokio::test(start_paused = true)]
async fn the_attempt_is_in_the_context() {
    struct OnDrop(Arc<Mutex<Vec<u32>>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(Context::current().attempt());
        }
    }
    for policy in [plain(), plain().disable_inner_retries()] {
        let policy = policy.build().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let inner = {
            let seen = Arc::clone(&seen);
            move |_: u32| {
                seen.lock().unwrap().push(Context::current().attempt());
                let dropped = OnDrop(Arc::clone(&seen));
                async move {
                    let _dropped = dropped;
                    tokio::task::yield_now().await;
                    assert_eq!(Context::current().attempt(), *_dropped.0.lock().unwrap().last().unwrap());
                    Err::<u32, _>(TestError::from(Kind::Unavailable))
                }
            }
        };
        layer(policy.clone()).layer(service_fn(inner.clone())).oneshot(7).await.unwrap_err();
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [1, 1, 2, 2, 3, 3]);
        retry(&policy, || inner(7)).await.unwrap_err();
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [1, 1, 2, 2, 3, 3]);
        assert_eq!(Context::current().attempt(), 1);
    }
}

/// [S15] Nor if the attempt catches the panic of another retry after the inner one has given up, with an error type that can't
/// store the mark.
#[test]
fn a_caught_panic_changes_nothing() {
    #[derive(Debug)]
    struct Plain;
    let judge = |outcome: &Result<(), Plain>| match outcome {
        Ok(()) => Verdict::success(),
        Err(Plain) => Verdict::failure(Kind::Unavailable),
    };
    let policy = Policy::fixed(Duration::ZERO).max_attempts(3).build().expect("good settings");
    let mut calls = 0;
    let outcome = policy.blocking().classifier(judge).run(|| {
        let outcome = policy.blocking().classifier(judge).run(|| {
            calls += 1;
            Err(Plain)
        });
        let panics = || policy.blocking().classifier(judge).run(|| -> Result<(), Plain> { panic!("caught") });
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        outcome
    });
    assert!(outcome.is_err());
    assert_eq!(calls, 3);
}
