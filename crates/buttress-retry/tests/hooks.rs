//! Panics in the user's code: wherever it is called, the panic propagates, and nothing stays reserved.

mod kit;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use buttress_error::{ByKind, Class, Classifier, Error, Kind, RetrySummary, Verdict};
use buttress_retry::{
    Backoff, Budget, Policy, Remedy, RemedyCondition, ReplayStrategy, RetryLayer, on, retry,
};
use buttress_test::{Step, Strict, TestError};
use kit::{MS, call, plain, script};
use tower::{Layer, Service, ServiceExt};

/// Panics at its nth use, wherever that is.
#[derive(Clone)]
struct Bomb(Arc<AtomicU32>);

impl Bomb {
    fn after(uses: u32) -> Self {
        Self(Arc::new(AtomicU32::new(uses)))
    }

    fn tick(&self) {
        if self.0.fetch_sub(1, Relaxed) == 1 {
            resume_unwind(Box::new("quiet"));
        }
    }

    fn has_gone_off(&self) -> bool {
        self.0.load(Relaxed) > u32::MAX / 2 || self.0.load(Relaxed) == 0
    }
}

impl Classifier<u32, TestError> for Bomb {
    fn judge(&self, outcome: &Result<u32, TestError>) -> Verdict {
        self.tick();
        ByKind.judge(outcome)
    }

    fn stamp(&self, outcome: &mut Result<u32, TestError>, effort: &RetrySummary) {
        self.tick();
        ByKind.stamp(outcome, effort);
    }

    fn keep(&self, outcome: &Result<u32, TestError>) -> Option<Error> {
        self.tick();
        ByKind.keep(outcome)
    }
}

impl ReplayStrategy<u32> for Bomb {
    fn replay(&self, request: &u32) -> Option<u32> {
        self.tick();
        Some(*request)
    }

    fn replayable(&self, _: &u32) -> bool {
        self.tick();
        true
    }

    fn idempotent(&self, _: &u32) -> Option<bool> {
        self.tick();
        Some(true)
    }
}

/// Four attempts: one follows a remedy, the others cost 5 tokens each.
fn policy(bomb: &Bomb, budget: &Budget) -> Policy {
    let [acts, stops, begins, next] = [(); 4].map(|()| bomb.clone());
    let waits = move || {
        begins.tick();
        let next = next.clone();
        std::iter::from_fn(move || {
            next.tick();
            Some(MS * 10)
        })
    };
    let sick = move |class: &Class| {
        acts.tick();
        class.kind == Kind::Unauthenticated
    };
    let rule = move |_: &_| {
        stops.tick();
        false
    };
    Policy::exponential()
        .max_attempts(4)
        .budget(budget.clone())
        .backoff(Backoff::iterator(waits))
        .stop_when(rule)
        .remedy(RemedyCondition::class(sick), (), |()| async { Ok::<_, TestError>(()) })
        .build()
        .expect("good settings")
}

fn steps() -> Strict {
    script([Kind::Unavailable, Kind::Unauthenticated, Kind::Timeout, Kind::Unavailable].map(Step::fail))
}

/// Tokens that the calls so far have cost.
fn spent(calls: u32) -> u32 {
    [0, 0, 5, 5, 15][calls as usize]
}

/// [S2] [S14] Classifier, copies, rules, waits and remedies: the retry that a panic has kept from beginning is paid back,
/// nothing of the inner service stays taken, and the next call works.
#[tokio::test(start_paused = true)]
async fn every_hook_panics_once() {
    let mut panics = 0;
    for uses in 1.. {
        let (bomb, inner, budget) = (Bomb::after(uses), steps(), Budget::tokens(50).build().unwrap());
        let layer =
            RetryLayer::new(policy(&bomb, &budget)).classifier(bomb.clone()).replay_strategy(bomb.clone());
        let service = layer.layer(inner.clone());
        let call = tokio::spawn(service.clone().oneshot(7)).await;
        assert_eq!((inner.alive(), inner.reserved()), (0, 0), "panic {uses}");
        assert_eq!(budget.available(), 50 - spent(inner.calls()), "panic {uses}");
        assert_eq!(bomb.has_gone_off(), call.is_err(), "panic {uses}");
        if let Ok(outcome) = call {
            assert_eq!((outcome.unwrap_err().kind(), inner.calls()), (Kind::Unavailable, 4));
            break;
        }
        panics += 1;
        while service.clone().oneshot(7).await.is_err() {}
    }
    assert!(panics > 20, "{panics} uses of hooks");
}

/// [S2] [S14] The same for the function, and on a thread.
#[tokio::test(start_paused = true)]
async fn every_hook_of_a_closure_panics_once() {
    for uses in 1.. {
        let (bomb, inner, budget) = (Bomb::after(uses), steps(), Budget::tokens(50).build().unwrap());
        let (policy, service, classifier) = (policy(&bomb, &budget), inner.clone(), bomb.clone());
        let call = async move { retry(&policy, || service.clone().oneshot(7)).classifier(classifier).await };
        let call = tokio::spawn(call).await;
        assert_eq!(inner.alive(), 0);
        assert_eq!(budget.available(), 50 - spent(inner.calls()), "panic {uses}");
        assert_eq!(bomb.has_gone_off(), call.is_err(), "panic {uses}");
        if call.is_ok() {
            break;
        }
    }
    for uses in 1.. {
        let (bomb, budget) = (Bomb::after(uses), Budget::tokens(50).build().unwrap());
        // An async remedy needs other threads than this one, and isn't tried.
        let (policy, calls) = (policy(&bomb, &budget), Arc::new(AtomicU32::new(0)));
        let (judge, counted) = (bomb.clone(), Arc::clone(&calls));
        let call = std::thread::spawn(move || {
            policy.blocking().classifier(judge).sleep_with(|wait| assert_eq!(wait, MS * 10)).run(|| {
                counted.fetch_add(1, Relaxed);
                Err::<u32, _>(TestError::from(Kind::Unavailable))
            })
        });
        let call = call.join();
        assert_eq!(budget.available(), 50 - 5 * (calls.load(Relaxed) - 1), "panic {uses}");
        assert_eq!(bomb.has_gone_off(), call.is_err(), "panic {uses}");
        if call.is_ok() {
            break;
        }
    }
}

/// [S9] Failures and throttles have waits of their own, also where those remember.
#[tokio::test(start_paused = true)]
async fn two_backoffs_that_remember() {
    let of = |waits: [u64; 2]| Backoff::iterator(move || waits.map(Duration::from_millis).into_iter());
    let policy = Policy::exponential().no_budget().max_attempts(5);
    let policy = policy.backoff(of([1, 2])).throttled_backoff(of([100, 200])).build().unwrap();
    let mut kinds =
        [Kind::Unavailable, Kind::Throttled, Kind::Unavailable, Kind::Throttled, Kind::Throttled].into_iter();
    let mut slept = Vec::new();
    let outcome = policy
        .blocking()
        .sleep_with(|wait| slept.push(wait.as_millis()))
        .run(|| Err::<(), _>(TestError::from(kinds.next().unwrap())));
    assert!(outcome.is_err());
    assert_eq!(slept, [1, 100, 2, 200]);
}

/// [S17] A remedy that panics before there is anything to await has failed as well, and so has a state that can't be cloned.
#[tokio::test(start_paused = true)]
async fn a_remedy_that_panics_at_once() {
    struct Fragile;
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            resume_unwind(Box::new("quiet"))
        }
    }
    let action = |()| -> std::future::Ready<Result<(), TestError>> { resume_unwind(Box::new("quiet")) };
    let fragile = |_: Fragile| std::future::ready(Ok::<_, TestError>(()));
    let remedies = [
        Remedy::run(on(Kind::Unauthenticated), (), action),
        Remedy::run(on(Kind::Unauthenticated), Fragile, fragile),
    ];
    for remedy in remedies {
        let remedy = remedy.build().unwrap();
        for failed in 1..3 {
            let inner = script([Step::fail(Kind::Unauthenticated)]);
            let error = call(plain().with_remedy(remedy.clone()), &inner).await.unwrap_err();
            assert_eq!((error.kind(), inner.calls()), (Kind::Unauthenticated, 1));
            assert_eq!(error.retry_summary().unwrap().remedy.as_ref().unwrap().kind(), Kind::Panic);
            assert_eq!(remedy.stats().failed, failed);
            tokio::time::sleep(kit::MS * 100).await;
        }
    }
}

/// What is printed for a developer says what it is, and nothing panics on the way.
#[tokio::test(start_paused = true)]
async fn debug_says_what_it_is() {
    let action = |()| std::future::ready(Ok::<_, TestError>(()));
    let builder = Remedy::run(on(Kind::Aborted), (), action).name("nap").time_limit(7 * MS);
    let said = format!("{builder:?}");
    assert!(said.contains("RemedyBuilder") && said.contains("7ms"), "{said}");
    let remedy = builder.build().unwrap();
    let said = format!("{remedy:?}");
    assert!(said.contains("nap") && said.contains("succeeded: 0"), "{said}");

    let policy = plain().with_remedy(remedy).build().unwrap();
    assert!(format!("{:?}", policy.blocking()).contains("Blocking"));
    let mut future = Box::pin(retry(&policy, std::future::pending::<Result<(), TestError>>));
    assert!(format!("{future:?}").contains("RetryFuture"));
    assert!(tokio::time::timeout(MS, future.as_mut()).await.is_err());
    assert!(format!("{future:?}").contains("call: None"), "{future:?}");
    let mut service = RetryLayer::new(policy.clone()).layer(script([]));
    let call = service.ready().await.unwrap().call(7);
    assert!(format!("{call:?}").contains("ResponseFuture"));
}
