//! What every layer promises, for this one: readiness, shared state, settings, rejections.

mod kit;

use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Kind, StopReason, Verdict};
use buttress_retry::{Backoff, Budget, Jitter, Policy, Remedy, RetryLayer, on, retry};
use buttress_test::{Step, Strict, TestError, conform};
use kit::{MS, call, plain, reported, script};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

/// [S1] [S2] [S3] Cancellation, panics and readiness, by the conformance kit, with each kind of budget.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let ratio = Budget::ratio(0.0).min_per_second(1).build().unwrap();
    let tokens = Budget::tokens(10).build().unwrap();
    for budget in [ratio, tokens] {
        let layer = RetryLayer::new(Policy::exponential().budget(budget.clone()).build().unwrap());
        let at_rest = || assert_eq!(budget.available(), 10);
        conform(|inner| layer.layer(inner)).at_rest(at_rest).run().await;
    }
    let outermost = RetryLayer::new(plain().disable_inner_retries().build().unwrap());
    conform(|inner| outermost.layer(inner)).run().await;
}

/// A failed attempt is dropped, with all that it holds, before the next one is made, which may need it.
#[tokio::test(start_paused = true)]
async fn one_attempt_at_a_time() {
    let inner = script(vec![Step::fail(Kind::Unavailable); 9]);
    let alive = Arc::new(Mutex::new(Vec::new()));
    let (watched, seen) = (inner.clone(), Arc::clone(&alive));
    // It is asked for a copy right before an attempt, unless that is the last one.
    let layer = RetryLayer::new(plain().backoff(Backoff::none()).max_attempts(4).build().unwrap())
        .assume_idempotent()
        .replay_with(move |request: &u32| {
            seen.lock().unwrap().push(watched.alive());
            Some(*request)
        });
    layer.layer(inner.clone()).oneshot(7).await.unwrap_err();
    assert_eq!((inner.calls(), &*alive.lock().unwrap()), (4, &vec![0, 0, 0]));
}

/// A success after retries gives the budget back what the last retry cost, and leaves no attempt alive.
#[tokio::test(start_paused = true)]
async fn a_recovered_call_refunds_its_last_retry() {
    let budget = Budget::tokens(500).build().unwrap();
    let layer = RetryLayer::new(plain().budget(budget.clone()).build().unwrap()).assume_idempotent();
    let inner = script([Step::fail(Kind::Unavailable).waits(1), Step::fail(Kind::Timeout)]);
    let service = layer.layer(inner.clone());
    assert_eq!(service.clone().oneshot(7).await.unwrap(), 7);
    assert_eq!((inner.calls(), budget.available()), (3, 500 - 5 - 10 + 10));
    drop(service);
    assert_eq!(inner.alive(), 0);
}

/// [S4] Clones of the service, of the layer, and services of several `layer()` calls draw on one budget.
#[tokio::test(start_paused = true)]
async fn clones_and_layers_share_the_budget() {
    let budget = Budget::tokens(500).build().unwrap();
    let layer = RetryLayer::new(plain().budget(budget.clone()).build().unwrap()).assume_idempotent();
    let inner = script(vec![Step::fail(Kind::Unavailable); 12]);
    let one = layer.layer(inner.clone());
    let services = [one.clone(), one, layer.layer(inner.clone()), layer.clone().layer(inner.clone())];
    for (call, service) in services.into_iter().enumerate() {
        service.oneshot(7).await.unwrap_err();
        assert_eq!(budget.available(), 500 - 10 * (call as u32 + 1));
    }
}

/// [S7] A refusal by a layer of this stack is not retried, whether it has a `retry_after` or not.
#[tokio::test(start_paused = true)]
async fn rejections_are_not_repeated() {
    for class in [Class::new(Kind::Rejected), Class::new(Kind::Rejected).retry_after(MS)] {
        let inner = script([Step::fail(class)]);
        let (outcome, report) = reported(Context::default(), call(plain(), &inner)).await;
        assert_eq!(outcome.unwrap_err().kind(), Kind::Rejected);
        assert_eq!((inner.calls(), report.stopped), (1, Some(StopReason::Rejected)));
    }
}

/// [S7] With `retry_rejections` it is, if its `retry_after` fits both the policy and the deadline.
#[tokio::test(start_paused = true)]
async fn rejections_are_repeated_on_request() {
    let policy = || plain().retry_rejections().max_retry_after(MS * 500);
    let rejected = |wait: u32| Step::fail(Class::new(Kind::Rejected).retry_after(MS * wait));
    let deadline = Context::default().with_timeout(MS * 300);

    let inner = script([rejected(250)]);
    let start = Instant::now();
    reported(deadline.clone(), call(policy(), &inner)).await.0.unwrap();
    assert_eq!((inner.calls(), start.elapsed()), (2, MS * 250), "fits both");

    for (step, cx, why) in [
        (rejected(501), Context::default(), "beyond the policy"),
        (rejected(400), deadline.with_timeout(MS * 300), "beyond the deadline"),
        (Step::fail(Kind::Rejected), Context::default(), "no word of when"),
    ] {
        let (inner, start) = (script([step]), Instant::now());
        reported(cx, call(policy(), &inner)).await.0.unwrap_err();
        assert_eq!((inner.calls(), start.elapsed()), (1, Duration::ZERO), "{why}");
    }
}

/// The kinds unavailable, timeout and throttled are retried; unknown is not.
#[tokio::test(start_paused = true)]
async fn the_kinds_that_are_repeated() {
    let mut repeated = Vec::new();
    for kind in Kind::ALL {
        let inner = script([Step::fail(kind)]);
        if call(plain(), &inner).await.is_ok() {
            repeated.push(kind);
        }
    }
    assert_eq!(repeated, [Kind::Unavailable, Kind::Throttled, Kind::Timeout]);
}

/// A closure as classifier needs no type on its argument, and any error will do.
#[tokio::test(start_paused = true)]
async fn whatever_fails_is_repeated_on_request() {
    let mut attempts = 0;
    let policy = plain().max_attempts(4).build().unwrap();
    let outcome = retry(&policy, || {
        attempts += 1;
        ready(Err::<(), _>("no class".to_owned()))
    })
    .classify_with(
        |outcome| {
            if outcome.is_ok() { Verdict::success() } else { Verdict::failure(Kind::Unavailable) }
        },
    )
    .await;
    assert_eq!((outcome, attempts), (Err("no class".to_owned()), 4));
}

/// [S8] Bad settings are refused at build, by an error that names the setting and its range.
#[test]
fn bad_settings_are_refused() {
    let policy = |backoff: Backoff| plain().backoff(backoff).build().map(drop);
    let backoff = || Backoff::exponential(MS * 100);
    let table = [
        (plain().max_attempts(0).build().map(drop), "max_attempts", "at least 1"),
        (policy(backoff().max(MS * 99)), "backoff", "base"),
        (policy(backoff().multiplier(0.99)), "backoff", "multiplier"),
        (policy(backoff().multiplier(f64::NAN)), "backoff", "multiplier"),
        (policy(backoff().multiplier(f64::INFINITY)), "backoff", "multiplier"),
        (policy(backoff().jitter(Jitter::Proportional(1.01))), "backoff", "0.0..=1.0"),
        (policy(backoff().jitter(Jitter::Proportional(-0.01))), "backoff", "0.0..=1.0"),
        (policy(backoff().jitter(Jitter::Proportional(f64::NAN))), "backoff", "0.0..=1.0"),
        (policy(Backoff::fixed(MS).multiplier(2.0)), "backoff", "multiplier"),
        (policy(Backoff::decorrelated(MS).jitter(Jitter::Full)), "backoff", "jitter"),
        (policy(Backoff::exponential(Duration::ZERO)), "backoff", "base above zero"),
        (policy(Backoff::fibonacci(Duration::ZERO)), "backoff", "base above zero"),
        (policy(Backoff::decorrelated(Duration::ZERO)), "backoff", "base above zero"),
        (plain().throttled_backoff(backoff().max(MS)).build().map(drop), "throttled_backoff", "base"),
        (Budget::ratio(-0.1).build().map(drop), "ratio", "0.0..=1000.0"),
        (Budget::ratio(f64::NAN).build().map(drop), "ratio", "0.0..=1000.0"),
        (Budget::ratio(1000.1).build().map(drop), "ratio", "0.0..=1000.0"),
        (Budget::ratio(0.2).over(Duration::ZERO).build().map(drop), "over", "1 ms..=1 h"),
        (Budget::ratio(0.2).over(Duration::from_secs(3601)).build().map(drop), "over", "1 ms..=1 h"),
        (Budget::tokens(1).retry_cost(0).build().map(drop), "retry_cost", "at least 1"),
        (Budget::tokens(1).timeout_cost(0).build().map(drop), "timeout_cost", "at least 1"),
        (Budget::tokens(1).throttle_cost(0).build().map(drop), "throttle_cost", "at least 1"),
    ];
    for (built, setting, range) in table {
        let error = built.expect_err(setting);
        assert_eq!(error.setting(), setting);
        assert!(error.range().contains(range), "{error}");
    }
}

/// [S8] A budget's ratio may exceed 1; a cap at the base and a single attempt are fine.
#[test]
fn settings_at_the_edge_are_taken() {
    assert!(Budget::ratio(1.5).build().is_ok());
    assert!(
        plain().max_attempts(1).backoff(Backoff::exponential(MS).max(MS).multiplier(1.0)).build().is_ok()
    );
}

/// [S18] Each attempt, the first too, waits until its instance of the inner service is ready.
#[tokio::test(start_paused = true)]
async fn each_attempt_waits_for_readiness() {
    let inner = script([Step::fail(Kind::Unavailable), Step::fail(Kind::Unavailable)]).ready_after(MS * 30);
    let start = Instant::now();
    assert_eq!(call(plain(), &inner).await.unwrap(), 7);
    assert_eq!((inner.calls(), start.elapsed()), (3, MS * (30 + 130 + 130)));
}

/// A runtime without timers suffices as long as no call has to wait.
#[test]
fn without_timers_only_a_wait_panics() {
    let panics = |backoff| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inner = script([Step::fail(Kind::Unavailable)]);
        let call = || runtime.block_on(call(plain().backoff(backoff), &inner));
        std::panic::catch_unwind(AssertUnwindSafe(call)).is_err()
    };
    assert!(!panics(Backoff::none()));
    assert!(panics(Backoff::fixed(MS)));
}

/// Ready once; its clones never are.
struct ReadyOnce(bool);

impl Clone for ReadyOnce {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Service<u32> for ReadyOnce {
    type Response = u32;
    type Error = TestError;
    type Future = Ready<Result<u32, TestError>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), TestError>> {
        Poll::Ready(if self.0 { Ok(()) } else { Err(Kind::Timeout.into()) })
    }

    fn call(&mut self, _: u32) -> Self::Future {
        assert!(self.0, "called unready");
        ready(Err(Kind::Unavailable.into()))
    }
}

/// [S18] A retry whose instance can't become ready is an attempt that failed: bounded, and judged like any other.
#[tokio::test(start_paused = true)]
async fn a_retry_that_cannot_become_ready_has_failed() {
    let layer = RetryLayer::new(plain().build().unwrap()).assume_idempotent();
    let error = layer.layer(ReadyOnce(true)).oneshot(7).await.unwrap_err();
    let effort = error.retry_summary().unwrap();
    let kinds: Vec<_> = effort.history.iter().map(|attempt| attempt.kind).collect();
    assert_eq!(kinds, [Kind::Unavailable, Kind::Timeout, Kind::Timeout]);
    assert_eq!((effort.attempts, effort.stopped), (3, StopReason::Attempts));
}

/// Earlier attempts are dropped before the next one begins, with all that they hold, such as the only connection: in the
/// layer, the function and the thread, after a wait, without one, and after a remedy.
#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_an_attempt() {
    let connection = Rc::new(());
    let checkout = || {
        assert_eq!(Rc::strong_count(&connection), 1, "an earlier response holds it");
        Ok::<_, TestError>(Rc::clone(&connection))
    };
    let down = |_: &Result<Rc<()>, TestError>| Verdict::failure(Kind::Unavailable);
    let repair = |()| Ok::<_, TestError>(());
    for wait in [MS, Duration::ZERO] {
        let remedy = Remedy::run_blocking(on(Kind::Unavailable), (), repair).build().unwrap();
        let policy = plain().backoff(Backoff::fixed(wait)).with_remedy(remedy).build().unwrap();
        drop(retry(&policy, || async { checkout() }).classifier(down).await);
        let layer = RetryLayer::new(policy.clone()).assume_idempotent().classify_with(down);
        drop(layer.layer(service_fn(|_: u32| async { checkout() })).oneshot(7).await);
        let idle = |_| assert_eq!(Rc::strong_count(&connection), 1);
        drop(policy.blocking().classifier(down).sleep_with(idle).run(checkout));
    }
}

/// Attempts that never wait let other tasks run.
#[tokio::test]
async fn attempts_without_a_wait_do_not_starve_others() {
    let policy = || Policy::exponential().backoff(Backoff::none()).max_attempts(1_000_000).no_budget();
    let by_function = tokio::spawn(async move {
        let policy = policy().build().unwrap();
        retry(&policy, || ready(Err::<(), _>(TestError::from(Kind::Unavailable)))).await
    });
    let always = tower::service_fn(|_: u32| ready(Err::<u32, _>(TestError::from(Kind::Unavailable))));
    let by_layer = RetryLayer::new(policy().build().unwrap()).assume_idempotent().layer(always);
    let by_layer = tokio::spawn(by_layer.oneshot(7));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!by_function.is_finished() && !by_layer.is_finished(), "a million attempts in ten turns");
    by_function.abort();
    by_layer.abort();
}

/// Debug shows what matters and reads no lock twice.
#[test]
fn debug_is_useful() {
    let layer = RetryLayer::new(Policy::default());
    let text = format!("{layer:?} {:?}", layer.layer(Strict::new()));
    assert!(text.contains("max_attempts: 4") && text.contains("available: 20"), "{text}");
}
