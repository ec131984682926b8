//! A policy in the context of a call.

mod kit;

use std::future::ready;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Waker};
use std::time::Duration;

use buttress_context::{Context, ContextLayer, Frame, Replay, Scope};
use buttress_error::{Class, Kind, StopReason};
use buttress_retry::{
    Backoff, Budget, Policy, PolicyBuilder, RetryContext, RetryLayer, on, retry, retry_blocking,
};
use buttress_test::{Step, Strict, TestError, allocations};
use kit::{MS, call, call_built, capture, plain, reported, script};
use tokio::time::{Instant, advance};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn brings(policy: PolicyBuilder) -> Context {
    Context::default().with_retry_policy(policy.build().expect("good settings"))
}

/// Calls that all fail.
fn failing(class: impl Into<Class>) -> Strict {
    script(vec![Step::fail(class); 99])
}

/// Attempts of a call through a layer, and why it stopped.
async fn stops(cx: Context, layer: PolicyBuilder, class: impl Into<Class>) -> (u32, Option<StopReason>) {
    let inner = failing(class);
    let (outcome, report) = reported(cx, call(layer, &inner)).await;
    outcome.expect_err("every attempt fails");
    assert_eq!((report.attempts, report.last.is_some()), (inner.calls(), true));
    (inner.calls(), report.stopped)
}

/// [S9] Attempts, waits and rules are those of the call; the next call has the layer's again.
#[tokio::test(start_paused = true)]
async fn a_policy_for_one_call() {
    let inner = failing(Kind::Unavailable);
    let client = RetryLayer::new(plain().build().unwrap()).assume_idempotent().layer(inner.clone());
    let patient = brings(Policy::fixed(MS * 1000).max_attempts(6));
    let start = Instant::now();
    let service = client.clone();
    patient.clone().scope(async { service.oneshot(7).await }).await.unwrap_err();
    assert_eq!((inner.calls(), start.elapsed()), (6, MS * 5000));
    client.oneshot(7).await.unwrap_err();
    assert_eq!((inner.calls(), start.elapsed()), (9, MS * 5200), "the layer's own");

    let attempts = AtomicU32::new(0);
    let attempt = || {
        attempts.fetch_add(1, Relaxed);
        ready(Err::<(), _>(TestError::from(Kind::Unavailable)))
    };
    let (start, policy) = (Instant::now(), plain().build().unwrap());
    patient.clone().scope(retry(&policy, attempt)).await.unwrap_err();
    assert_eq!((attempts.swap(0, Relaxed), start.elapsed()), (6, MS * 5000), "the function");
    retry(&policy, attempt).await.unwrap_err();
    assert_eq!(attempts.swap(0, Relaxed), 3);

    let block = || retry_blocking(&policy, || attempt().into_inner());
    let start = Instant::now();
    brings(plain().backoff(Backoff::none()).max_attempts(5)).run(block).unwrap_err();
    assert_eq!((attempts.swap(0, Relaxed), start.elapsed()), (5, Duration::ZERO), "the thread");

    let rule = |rule: PolicyBuilder| stops(brings(rule.max_attempts(99)), plain(), Kind::Unavailable);
    assert_eq!(rule(plain().stop_when(|call| call.attempts == 4)).await, (4, Some(StopReason::Rule)));
    // The clock is read when the call begins, though the layer's policy would not: attempts begin at 0, 100, 200 ms.
    assert_eq!(rule(plain().max_elapsed(MS * 250)).await, (3, Some(StopReason::Elapsed)));
}

/// `max_elapsed` counts from the begin of the call, also where only the call's own policy has it.
#[tokio::test(start_paused = true)]
async fn the_time_counts_from_the_begin() {
    let slow = || script(vec![Step::fail(Kind::Unavailable).after(MS * 500); 9]);
    let cx = || brings(plain().max_elapsed(MS * 1100));
    let inner = slow();
    cx().scope(call(plain(), &inner)).await.unwrap_err();
    assert_eq!(inner.calls(), 2, "the third would begin after 1200 ms");
    let (inner, policy) = (slow(), plain().build().unwrap());
    cx().scope(retry(&policy, || inner.clone().oneshot(7))).await.unwrap_err();
    assert_eq!(inner.calls(), 2);
}

/// [S10] The limits of Retry-After are the call's too.
#[tokio::test(start_paused = true)]
async fn its_own_limit_of_retry_after() {
    let asks = Class::from(Kind::Throttled).retry_after(MS * 5000);
    let took = async |cx: Context| {
        let start = Instant::now();
        cx.scope(call(plain(), &script([Step::fail(asks)]))).await.unwrap();
        start.elapsed()
    };
    assert_eq!(took(Context::default()).await, MS * 5000);
    assert_eq!(took(brings(plain().max_retry_after(MS * 700))).await, MS * 700);
}

/// [S9] `with_max_attempts` overrides both policies, and `without_retries` turns off retries and remedies.
#[tokio::test(start_paused = true)]
async fn attempts_on_top() {
    let five = || brings(plain().max_attempts(5));
    assert_eq!(stops(five(), plain(), Kind::Timeout).await, (5, Some(StopReason::Attempts)));
    assert_eq!(stops(five().with_max_attempts(7), plain(), Kind::Timeout).await.0, 7);
    assert_eq!(
        stops(five().without_retries(), plain(), Kind::Timeout).await,
        (1, Some(StopReason::Attempts))
    );
    assert_eq!(stops(Context::default().without_retries(), plain(), Kind::Timeout).await.0, 1);
    assert_eq!(stops(brings(plain().max_attempts(1)), plain(), Kind::Timeout).await.0, 1);

    let runs = Arc::new(AtomicU32::new(0));
    let count = |runs: Arc<AtomicU32>| async move {
        runs.fetch_add(1, Relaxed);
        Ok::<_, TestError>(())
    };
    let remedied = || plain().remedy(on(Kind::Timeout), Arc::clone(&runs), count);
    for cx in [Context::default().without_retries(), brings(remedied()).without_retries()] {
        assert_eq!(stops(cx, remedied(), Kind::Timeout).await, (1, Some(StopReason::Attempts)));
        assert_eq!(runs.load(Relaxed), 0);
    }
}

/// [S14] The budget stays the layer's, which counts the call, unless the policy was given one, or none.
#[tokio::test(start_paused = true)]
async fn whose_budget() {
    let budget = |ratio| Budget::ratio(ratio).min_per_second(0).build().expect("good settings");
    let spent = || plain().budget(budget(0.0));
    let default = || Policy::fixed(MS).max_attempts(3);
    assert_eq!(stops(brings(default()), spent(), Kind::Timeout).await, (1, Some(StopReason::Budget)));
    assert_eq!(stops(brings(default().no_budget()), spent(), Kind::Timeout).await.0, 3);
    let own = budget(1.0);
    let cx = || brings(default().budget(own.clone()));
    assert_eq!(
        stops(cx(), spent(), Kind::Timeout).await,
        (2, Some(StopReason::Budget)),
        "one request, one retry"
    );
    assert_eq!(own.available(), 0);

    let layers = budget(1.0);
    let service = || plain().budget(layers.clone());
    brings(default()).scope(call(service(), &script([]))).await.unwrap();
    assert_eq!(layers.available(), 1, "a call is counted once");
    cx().scope(call(service(), &script([]))).await.unwrap();
    assert_eq!((layers.available(), own.available()), (1, 1), "by the budget that would pay for it");

    // A success at the first attempt gives a token back, also where it is the call's own bucket.
    let bucket = Budget::tokens(10).build().unwrap();
    bucket.withdraw(Kind::Unavailable).unwrap().spend();
    let cx = || brings(default().budget(bucket.clone()));
    cx().scope(call(plain(), &script([]))).await.unwrap();
    let policy = plain().build().unwrap();
    cx().scope(retry(&policy, || ready(Ok::<_, TestError>(7)))).await.unwrap();
    cx().run(|| retry_blocking(&policy, || Ok::<_, TestError>(7))).unwrap();
    assert_eq!(bucket.available(), 8);
}

/// [S17] The layer's remedies still apply, after those of the call's policy.
#[tokio::test(start_paused = true)]
async fn remedies_of_both() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let remedied = |who: &'static str| {
        let tell = move |told: Arc<Mutex<Vec<&'static str>>>| async move {
            told.lock().expect("no panic under it").push(who);
            Ok::<_, TestError>(())
        };
        plain().remedy(on(Kind::Unauthenticated), Arc::clone(&told), tell)
    };
    let take = || std::mem::take(&mut *told.lock().expect("no panic under it"));
    brings(plain())
        .scope(call(remedied("layer"), &script([Step::fail(Kind::Unauthenticated)])))
        .await
        .unwrap();
    assert_eq!(take(), ["layer"]);
    let twice = script(vec![Step::fail(Kind::Unauthenticated); 2]);
    brings(remedied("call")).scope(call(remedied("layer"), &twice)).await.unwrap();
    assert_eq!(take(), ["call", "layer"]);
}

/// [S15] Nested retries all take it, and multiply no more than before: the inner one owns the failure.
#[tokio::test(start_paused = true)]
async fn nested_retries_take_it() {
    let inner = failing(Kind::Unavailable);
    let layer = || RetryLayer::new(plain().build().unwrap()).assume_idempotent();
    let stack = ServiceBuilder::new().layer(layer()).layer(layer()).service(inner.clone());
    brings(plain().max_attempts(5)).scope(async { stack.oneshot(7).await }).await.unwrap_err();
    assert_eq!(inner.calls(), 5);

    // The result is another failure, which the inner layer has not exhausted: 2 × 2 instead of 3 × 3.
    let policy = plain().build().unwrap();
    let another = || async {
        let service = failing(Kind::Unavailable);
        retry(&policy, || service.clone().oneshot(7))
            .await
            .map_err(|_inner| (TestError::from(Kind::Timeout), service.calls()))
    };
    let calls = AtomicU32::new(0);
    let outer = || async {
        another().await.map_err(|(error, made)| {
            calls.fetch_add(made, Relaxed);
            error
        })
    };
    retry(&policy, outer).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 9);
    brings(plain().max_attempts(2)).scope(retry(&policy, outer)).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 4);
}

/// [S15] `disable_inner_retries` of the layer stays in force, and the policy of a call may set it too.
#[tokio::test(start_paused = true)]
async fn ownership_stays() {
    let calls = async |outer: PolicyBuilder, cx: Context| {
        let inner = failing(Kind::Unavailable);
        let layer = |policy: PolicyBuilder| RetryLayer::new(policy.build().unwrap()).assume_idempotent();
        // The layer between reports a failure that is not exhausted to the outer one.
        let stack = ServiceBuilder::new()
            .layer(layer(outer))
            .map_err(|_: TestError| TestError::from(Kind::Timeout))
            .layer(layer(plain()))
            .service(inner.clone());
        cx.scope(async { stack.oneshot(7).await }).await.unwrap_err();
        inner.calls()
    };
    let five = || plain().max_attempts(5);
    assert_eq!(calls(plain(), Context::default()).await, 9);
    for cx in [Context::default().with_extension("no policy"), Context::default().with_max_attempts(3)] {
        assert_eq!(calls(plain().disable_inner_retries(), cx.clone()).await, 3);
        assert_eq!(calls(plain(), cx).await, 9);
    }
    assert_eq!(calls(plain().disable_inner_retries(), brings(five())).await, 5);
    assert_eq!(calls(plain(), brings(five().disable_inner_retries())).await, 5);
    assert_eq!(calls(plain(), brings(five()).with_inner_retries_disabled()).await, 1);
}

/// It reaches through other layers, and into tasks that keep the context.
#[tokio::test(start_paused = true)]
async fn it_goes_along() {
    let inner = failing(Kind::Unavailable);
    let layer = RetryLayer::new(plain().build().unwrap()).assume_idempotent();
    let stack =
        ServiceBuilder::new().layer(ContextLayer::new()).layer(layer).service(inner.clone()).boxed_clone();
    let cx = || brings(plain().max_attempts(6)).with_field("order", 17).with_extension("another");
    let (one, two) = (stack.clone(), stack);
    cx().scope(async { one.oneshot(7).await }).await.unwrap_err();
    assert_eq!(inner.calls(), 6);
    let task = cx().run(|| buttress_context::spawn(async { two.oneshot(7).await }));
    task.await.unwrap().unwrap_err();
    assert_eq!(inner.calls(), 12);
}

/// A context says which policy it brings; the latest counts, and a shared one is not copied.
#[test]
fn the_latest_counts() {
    assert!(Context::default().with_extension(7).retry_policy().is_none());
    let shared = Arc::new(plain().max_attempts(7).build().unwrap());
    let cx = brings(plain()).with_retry_policy(Arc::clone(&shared));
    assert!(std::ptr::eq(cx.retry_policy().unwrap(), &*shared));
}

/// [S13] A request is copied only if the call's policy may retry it.
#[tokio::test(start_paused = true)]
async fn copies_by_its_own_policy() {
    struct Request(Arc<AtomicU32>);
    impl Replay for Request {
        fn replay(&self) -> Option<Self> {
            self.0.fetch_add(1, Relaxed);
            Some(Self(Arc::clone(&self.0)))
        }
    }
    for (own, layers, copies) in [(1, 3, 0), (2, 1, 1), (4, 2, 3)] {
        let of = |attempts| plain().max_attempts(attempts).build().unwrap();
        let service = RetryLayer::new(of(layers))
            .assume_idempotent()
            .layer(service_fn(|_: Request| ready(Err::<(), _>(TestError::from(Kind::Unavailable)))));
        let copied = Arc::new(AtomicU32::new(0));
        let request = Request(Arc::clone(&copied));
        let cx = Context::default().with_retry_policy(of(own));
        cx.scope(async { service.oneshot(request).await }).await.unwrap_err();
        assert_eq!(copied.load(Relaxed), copies, "{own} attempts where the layer makes {layers}");
    }
}

/// A first success is as quiet as with the layer's own policy: no event, no report, the caller's own attempt number. It
/// takes one box; a call that brings something else takes none.
#[tokio::test(start_paused = true)]
async fn a_first_success() {
    let (subscriber, events) = capture();
    let _default = tracing::subscriber::set_default(subscriber);
    let cx = || brings(plain()).with_attempt(4);
    let seen = service_fn(|_: u32| async {
        tokio::task::yield_now().await;
        Ok::<_, TestError>(Context::current().attempt())
    });
    let service = RetryLayer::new(plain().build().unwrap()).assume_idempotent().layer(seen);
    let (outcome, report) = reported(cx(), service.oneshot(7)).await;
    assert_eq!((outcome.unwrap(), report.attempts, report.stopped), (4, 0, None));
    let policy = plain().build().unwrap();
    let (outcome, report) =
        reported(cx(), retry(&policy, || async { Ok::<_, TestError>(Context::current().attempt()) })).await;
    assert_eq!((outcome.unwrap(), report.attempts, report.stopped), (4, 0, None));
    assert!(events.lock().unwrap().is_empty());

    let mut service = RetryLayer::new(plain().build().unwrap()).assume_idempotent().layer(Strict::new());
    // With its second call a service gets a reference count of its own, which is allocated.
    for _ in 0..2 {
        service.ready().await.unwrap().call(7).await.unwrap();
    }
    for (cx, boxes) in [(brings(plain()), 2), (Context::default().with_extension(7), 0)] {
        let count = cx.run(|| {
            allocations(|| {
                let task = &mut Task::from_waker(Waker::noop());
                assert!(service.poll_ready(task).is_ready());
                assert!(pin!(service.call(7)).poll(task).is_ready());
            })
        });
        assert_eq!(count, boxes);
    }
}

/// [S1] Dropped in its first attempt or in a wait, a call gives everything back.
#[tokio::test(start_paused = true)]
async fn dropped() {
    let inner = script(vec![Step::fail(Kind::Unavailable).after(MS * 50); 2]);
    let budget = Budget::tokens(50).build().unwrap();
    let mut cx = Frame::new(brings(plain().budget(budget.clone())));
    for wait in [20, 100] {
        let service = RetryLayer::new(plain().build().unwrap()).assume_idempotent().layer(inner.clone());
        let mut call = {
            let _entered = cx.enter();
            Box::pin(Scope::new(Frame::new(Context::current()), service.oneshot(7)))
        };
        assert!(poll(&mut call).is_pending());
        advance(MS * wait).await;
        assert!(poll(&mut call).is_pending());
        drop(call);
        assert_eq!((inner.alive(), inner.reserved(), budget.available()), (0, 0, 50), "after {wait} ms");
    }
    assert_eq!(inner.calls(), 2);
}

fn poll<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> std::task::Poll<F::Output> {
    future.as_mut().poll(&mut Task::from_waker(Waker::noop()))
}

/// [S2] A panic in the first attempt goes on, and leaves the context as it was.
#[tokio::test(start_paused = true)]
async fn a_panic_in_the_first_attempt() {
    let inner = Strict::new().then(Step::panic());
    let cx = brings(plain());
    let task = cx.run(|| {
        let inner = inner.clone();
        buttress_context::spawn(async move { call_built(plain().build().unwrap(), &inner).await })
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!((inner.calls(), inner.alive()), (1, 0));
}
