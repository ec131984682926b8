//! Remedies: when they run, and for which calls.

mod kit;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use buttress_context::{Context, spawn};
use buttress_error::{Class, Delivery, Error, Kind, StopReason};
use buttress_retry::{
    Policy, PolicyBuilder, Remedy, RemedyBuilder, RemedyCondition, RetryLayer, TokenSource, on, retry,
    retry_blocking,
};
use buttress_test::{Step, TestError};
use kit::{MS, call, plain, reported, script};
use tokio::time::{Instant, advance, sleep, timeout};
use tower::{Layer, ServiceExt};

/// An action that counts its runs. Each takes 50 ms, and fails if `fails` is set.
#[derive(Clone, Default)]
struct Repair {
    begun: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
    fails: bool,
}

impl Repair {
    async fn perform(self) -> Result<(), Error> {
        self.begun.fetch_add(1, Relaxed);
        sleep(50 * MS).await;
        self.ended.fetch_add(1, Relaxed);
        if self.fails { Err(Error::new(Kind::Unavailable, "no doctor")) } else { Ok(()) }
    }

    fn remedy(&self) -> RemedyBuilder {
        Remedy::run(on(Kind::Unauthenticated), self.clone(), Self::perform).name("repair")
    }

    fn runs(&self) -> (u32, u32) {
        (self.begun.load(Relaxed), self.ended.load(Relaxed))
    }
}

fn sick() -> Step {
    Step::fail(Kind::Unauthenticated)
}

/// [S17] For a chosen kind the remedy runs, then the call is retried, at once and once; the report and the history have it.
#[tokio::test(start_paused = true)]
async fn runs_and_retries_once() {
    let repair = Repair::default();
    let remedy = repair.remedy().build().unwrap();
    let start = Instant::now();
    let inner = script([sick()]);
    let policy = || plain().with_remedy(remedy.clone());
    let (outcome, report) = reported(Context::default(), call(policy(), &inner)).await;
    assert_eq!((outcome.unwrap(), inner.calls(), repair.runs()), (7, 2, (1, 1)));
    assert_eq!(start.elapsed(), 50 * MS, "no wait except for the remedy");
    assert_eq!(
        (report.attempts, report.delay, report.stopped),
        (2, Duration::ZERO, Some(StopReason::Success))
    );
    assert_eq!(report.last.unwrap().kind, Kind::Unauthenticated);

    let inner = script(vec![sick(); 9]);
    let error = call(policy(), &inner).await.unwrap_err();
    assert_eq!((inner.calls(), repair.runs().0), (2, 2), "the remedy does not run again for this call");
    let effort = error.retry_summary().unwrap();
    assert_eq!((effort.attempts, effort.stopped, effort.history.len()), (2, StopReason::NotRetryable, 2));
    assert!(effort.exhausted && effort.remedy.is_none());
}

/// [S17] By kind, by reason, or by a predicate over the class.
#[tokio::test(start_paused = true)]
async fn for_chosen_failures() {
    let expired = Class::new(Kind::PermissionDenied).reason("TOKEN_EXPIRED");
    let full = || {
        RemedyCondition::class(|class| class.kind == Kind::ResourceExhausted && class.retry_after.is_none())
    };
    let table = [
        (on(Kind::NotFound), Kind::NotFound.into(), true),
        (on(Kind::NotFound), Kind::PermissionDenied.into(), false),
        (RemedyCondition::reason("TOKEN_EXPIRED"), expired, true),
        (RemedyCondition::reason("TOKEN_EXPIRED"), Kind::PermissionDenied.into(), false),
        (full(), Kind::ResourceExhausted.into(), true),
        (full(), Class::new(Kind::ResourceExhausted).retry_after(MS), false),
    ];
    for (condition, class, applies) in table {
        let inner = script([Step::fail(class)]);
        let outcome =
            call(plain().remedy(condition.clone(), (), |()| async { Ok::<_, Error>(()) }), &inner).await;
        assert_eq!(
            (outcome.is_ok(), inner.calls()),
            (applies, 1 + u32::from(applies)),
            "{condition:?} {class:?}"
        );
    }
}

/// [S17] Callers that need it at the same time share one run, with its result, good or bad.
#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_run() {
    for fails in [false, true] {
        let repair = Repair { fails, ..Repair::default() };
        let remedy = repair.remedy().build().unwrap();
        let calls = (0..200).map(|n| {
            let policy = plain().with_remedy(remedy.clone());
            // They fail at different times, all before the remedy is done.
            tokio::spawn(async move { call(policy, &script([sick().after(MS / 5 * n)])).await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap().is_err(), fails);
        }
        assert_eq!(repair.runs(), (1, 1));
        let stats = remedy.stats();
        assert_eq!((stats.succeeded + stats.failed, stats.shared), (1, 199));
    }
}

/// [S17] A failure of an attempt that began before the latest success needs no run; one that began after it does.
#[tokio::test(start_paused = true)]
async fn a_success_in_between() {
    let repair = Repair::default();
    let remedy = repair.remedy().build().unwrap();
    let policy = || plain().with_remedy(remedy.clone());
    let early = tokio::spawn({
        let policy = policy();
        async move { call(policy, &script([sick().after(500 * MS)])).await }
    });
    sleep(MS).await;
    call(policy(), &script([sick()])).await.unwrap();
    assert_eq!(repair.runs().1, 1);
    early.await.unwrap().unwrap();
    assert_eq!((repair.runs().1, remedy.stats().shared), (1, 1), "it had begun before");
    call(policy(), &script([sick()])).await.unwrap();
    assert_eq!(repair.runs().1, 2, "it began after");
}

/// [S17] The run goes on when the caller that began it is dropped, at any moment, and the others get its result.
#[tokio::test(start_paused = true)]
async fn the_caller_that_runs_it_is_dropped() {
    for millis in [0, 1, 10, 25, 49] {
        let repair = Repair::default();
        let remedy = repair.remedy().build().unwrap();
        let policy = || plain().with_remedy(remedy.clone());
        let inner = script([sick()]);
        let first = timeout(MS * millis + MS / 2, call(policy(), &inner));
        let waiter = tokio::spawn({
            let policy = policy();
            async move { call(policy, &script([sick().after(MS / 4)])).await }
        });
        assert!(first.await.is_err(), "dropped");
        waiter.await.unwrap().unwrap();
        assert_eq!(repair.runs(), (1, 1), "{millis} ms");
    }
    // It is not lost either when no call waits any more.
    let repair = Repair::default();
    let policy = plain().with_remedy(repair.remedy().build().unwrap());
    assert!(timeout(10 * MS, call(policy, &script([sick()]))).await.is_err());
    sleep(100 * MS).await;
    assert_eq!(repair.runs(), (1, 1));
}

/// [S17] It has a time limit, after which callers have their failure, and soon the next run may begin.
#[tokio::test(start_paused = true)]
async fn it_has_a_time_limit() {
    let runs = Arc::new(AtomicU32::new(0));
    let hangs_once = |runs: Arc<AtomicU32>| async move {
        if runs.fetch_add(1, Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        Ok::<_, Error>(())
    };
    let remedy = Remedy::run(on(Kind::Unauthenticated), runs, hangs_once);
    let remedy = remedy.time_limit(300 * MS).build().unwrap();
    let start = Instant::now();
    let error = call(plain().with_remedy(remedy.clone()), &script([sick()])).await.unwrap_err();
    assert_eq!((start.elapsed(), error.kind()), (300 * MS, Kind::Unauthenticated));
    let why = error.retry_summary().unwrap().remedy.as_ref().unwrap();
    assert_eq!((why.kind(), why.to_string().contains("300ms")), (Kind::Timeout, true), "{why}");
    sleep(100 * MS).await;
    call(plain().with_remedy(remedy.clone()), &script([sick()])).await.unwrap();
    assert_eq!((remedy.stats().failed, remedy.stats().succeeded), (1, 1));
}

/// [S17] An action that fails fast does not use up its runs: calls share an error for 100 ms, and for longer after each further
/// failure. Meanwhile each call gets its own failure, with that error attached.
#[tokio::test(start_paused = true)]
async fn an_action_that_fails_fast() {
    let works = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let action = |works: Arc<std::sync::atomic::AtomicBool>| async move {
        if works.load(Relaxed) { Ok(()) } else { Err(Error::new(Kind::Unavailable, "no token server")) }
    };
    let remedy = Remedy::run(on(Kind::Unauthenticated), works.clone(), action).build().unwrap();
    let start = Instant::now();
    let mut callers = Vec::new();
    while start.elapsed() < Duration::from_secs(5) {
        let policy = plain().with_remedy(remedy.clone());
        callers.push(tokio::spawn(async move { call(policy, &script([sick()])).await }));
        sleep(10 * MS).await;
    }
    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        let why = error.retry_summary().unwrap().remedy.clone().unwrap();
        assert_eq!((error.kind(), why.to_string()), (Kind::Unauthenticated, "no token server".to_owned()));
    }
    let stats = remedy.stats();
    assert_eq!((stats.failed, stats.shared, stats.refused), (6, 494, 0));

    // The pause after the sixth is the longest that those who come now wait for a token.
    works.store(true, Relaxed);
    let healthy = Instant::now();
    while call(plain().with_remedy(remedy.clone()), &script([sick()])).await.is_err() {
        sleep(10 * MS).await;
    }
    assert!(healthy.elapsed() <= 3200 * MS, "{:?}", healthy.elapsed());
    assert_eq!(remedy.stats().succeeded, 1);
}

/// The longest that a call can wait for its remedies is what all of them may take; with a single attempt there is none.
#[test]
fn the_longest_remedies() {
    let remedy = |limit: Duration| {
        let remedy = Remedy::run(on(Kind::Unauthenticated), (), |()| std::future::ready(Ok::<_, Error>(())));
        remedy.time_limit(limit).build().unwrap()
    };
    let longest = |policy: PolicyBuilder| policy.build().unwrap().max_total_remedy_time();
    let remedied = || plain().with_remedy(remedy(3 * MS)).with_remedy(remedy(40 * MS));
    assert_eq!(longest(plain()), Duration::ZERO);
    assert_eq!(longest(remedied().max_attempts(2)), 43 * MS);
    assert_eq!(longest(remedied().max_attempts(1)), Duration::ZERO);
    assert_eq!(longest(remedied().with_remedy(remedy(Duration::MAX))), Duration::MAX);
}

/// [S17] The default time limit is 10 s.
#[tokio::test(start_paused = true)]
async fn the_default_time_limit() {
    let hangs = |()| std::future::pending::<Result<(), Error>>();
    let start = Instant::now();
    call(plain().remedy(on(Kind::Unauthenticated), (), hangs), &script([sick()])).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

/// [S17] Its runs per minute are limited, to 10 by default. [S8] Zero runs are refused, like a time limit of zero.
#[tokio::test(start_paused = true)]
async fn it_has_a_budget() {
    let repair = Repair::default();
    for (remedy, runs) in [(repair.remedy().build(), 10), (repair.remedy().runs_per_minute(2).build(), 2)] {
        let remedy = remedy.unwrap();
        for n in 0..12 {
            let outcome = call(plain().with_remedy(remedy.clone()), &script([sick()])).await;
            assert_eq!(outcome.is_ok(), n < runs, "run {n}");
            if let Err(error) = outcome {
                assert_eq!(error.retry_summary().unwrap().remedy.as_ref().unwrap().kind(), Kind::Rejected);
            }
        }
        assert_eq!(remedy.stats().refused, 12 - runs);
        advance(Duration::from_secs(60)).await;
        call(plain().with_remedy(remedy), &script([sick()])).await.unwrap();
    }
    assert!(repair.remedy().runs_per_minute(0).build().unwrap_err().to_string().contains("runs_per_minute"));
    assert!(
        repair.remedy().time_limit(Duration::ZERO).build().unwrap_err().to_string().contains("time_limit")
    );
}

/// [S17] The retry after a remedy does not count against the retry budget; the runs per minute bound it.
#[tokio::test(start_paused = true)]
async fn the_retry_budget_is_left_alone() {
    let budget = buttress_retry::Budget::ratio(0.0).min_per_second(0).build().unwrap();
    let repair = Repair::default();
    let policy = plain().budget(budget).with_remedy(repair.remedy().build().unwrap());
    call(policy, &script([sick()])).await.unwrap();
}

/// [S17] A remedy that fails, or panics, leaves the original error, with the remedy's attached.
#[tokio::test(start_paused = true)]
async fn a_remedy_that_fails() {
    let repair = Repair { fails: true, ..Repair::default() };
    let fails = repair.remedy().build().unwrap();
    let panics = Remedy::run(on(Kind::Unauthenticated), (), |()| async {
        if true {
            std::panic::resume_unwind(Box::new("quiet"));
        }
        Ok::<_, Error>(())
    });
    let panics = panics.build().unwrap();
    for (remedy, kind) in [(fails, Kind::Unavailable), (panics, Kind::Panic)] {
        let inner = script([sick()]);
        let (outcome, report) = reported(Context::default(), call(plain().with_remedy(remedy), &inner)).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), inner.calls()), (Kind::Unauthenticated, 1));
        let effort = error.retry_summary().unwrap();
        assert_eq!(
            (effort.stopped, effort.remedy.as_ref().map(Error::kind)),
            (StopReason::NotRetryable, Some(kind))
        );
        assert_eq!(report.stopped, Some(StopReason::NotRetryable));
    }
    let policy = plain().with_remedy(repair.remedy().build().unwrap()).build().unwrap();
    let error = retry(&policy, || async { Err::<(), _>(Error::new(Kind::Unauthenticated, "who?")) }).await;
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "who?");
    assert_eq!(error.notes().collect::<Vec<_>>(), ["the remedy failed: no doctor"]);
    assert_eq!(error.retry_summary().unwrap().remedy.as_ref().unwrap().to_string(), "no doctor");
}

/// [S17] If a remedy fails, a failure that the policy would retry anyway is retried.
#[tokio::test(start_paused = true)]
async fn the_policy_goes_on_without_it() {
    let fails = |()| async { Err::<(), _>(Error::new(Kind::Internal, "no")) };
    let inner = script([Step::fail(Kind::Unavailable)]);
    let start = Instant::now();
    call(plain().remedy(on(Kind::Unavailable), (), fails), &inner).await.unwrap();
    assert_eq!((inner.calls(), start.elapsed()), (2, 100 * MS));
}

/// [S17] No remedy runs if the call may not be retried: the attempt may have had an effect, there is nothing to send again, no
/// attempt or time is left, an inner retry has exhausted the failure, or an outer one owns the retries.
#[tokio::test(start_paused = true)]
async fn no_remedy_without_a_retry() {
    let unknown = Class::new(Kind::Unauthenticated).delivery(Delivery::Unknown);
    let garbled = Class::new(Kind::BadResponse);
    let cx = Context::default;
    let table = [
        (cx().with_idempotent(false), unknown, 0),
        (cx().with_idempotent(true), unknown, 1),
        (cx().with_idempotent(false), Kind::Unauthenticated.into(), 1),
        (cx().with_idempotent(false), garbled, 0),
        (cx().with_idempotent(true), garbled, 1),
        (cx().with_idempotent(false), garbled.delivery(Delivery::NotProcessed), 1),
        (cx().with_max_attempts(1), Kind::Unauthenticated.into(), 0),
        (cx().with_timeout(Duration::ZERO), Kind::Unauthenticated.into(), 0),
        (cx().with_inner_retries_disabled(), Kind::Unauthenticated.into(), 0),
        (cx(), Class::new(Kind::Unauthenticated).exhausted(), 0),
    ];
    for (cx, class, runs) in table {
        let repair = Repair::default();
        let remedy =
            Remedy::run(RemedyCondition::class(|_| true), repair.clone(), Repair::perform).build().unwrap();
        let policy = plain().with_remedy(remedy);
        let _ = cx.clone().scope(call(policy, &script([Step::fail(class)]))).await;
        sleep(MS).await;
        assert_eq!(repair.runs().0, runs, "{cx:?} {class:?}");
    }
    let repair = Repair::default();
    let layer = RetryLayer::new(Policy::default()).with_remedy(repair.remedy().build().unwrap());
    let once = layer.replay_with(|_: &u32| None);
    once.layer(script([sick()])).oneshot(7).await.unwrap_err();
    assert_eq!(repair.runs().0, 0);
}

/// [S17] A call waits no longer than its deadline lets it; the run goes on, for those who have the time.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_one_caller() {
    let repair = Repair::default();
    let policy = plain().with_remedy(repair.remedy().build().unwrap());
    let start = Instant::now();
    let cx = Context::default().with_timeout(20 * MS);
    let error = cx.scope(call(policy, &script([sick()]))).await.unwrap_err();
    assert_eq!((start.elapsed(), error.kind()), (20 * MS, Kind::Unauthenticated));
    assert_eq!(error.retry_summary().unwrap().remedy.as_ref().map(Error::kind), Some(Kind::DeadlineExceeded));
    sleep(100 * MS).await;
    assert_eq!(repair.runs(), (1, 1));
}

/// [S17] Nor does it wait when no attempt could follow any more.
#[tokio::test(start_paused = true)]
async fn no_longer_than_it_is_of_use() {
    let repair = Repair::default();
    let remedied = || plain().with_remedy(repair.remedy().build().unwrap());
    let table = [
        (remedied().max_elapsed(20 * MS), 20, 1),
        (remedied().max_elapsed(51 * MS), 50, 2),
        (remedied().min_attempt_time(80 * MS), 20, 1),
        (remedied().min_attempt_time(49 * MS), 50, 2),
    ];
    for (policy, millis, attempts) in table {
        let (start, inner) = (Instant::now(), script([sick()]));
        let outcome = Context::default().with_timeout(100 * MS).scope(call(policy, &inner)).await;
        assert_eq!((start.elapsed(), inner.calls()), (MS * millis, attempts));
        if let Err(error) = outcome {
            let remedy = error.retry_summary().unwrap().remedy.as_ref().unwrap();
            assert_eq!((error.kind(), remedy.kind()), (Kind::Unauthenticated, Kind::DeadlineExceeded));
        }
    }
}

/// [S17] A remedy that is done too late for another attempt, as where nothing was polled for a while, does not help this
/// call: it gets its failure, with that error attached.
#[tokio::test(start_paused = true)]
async fn a_remedy_that_ends_too_late() {
    let done = Arc::new(tokio::sync::Notify::new());
    let run_remedy = |done: Arc<tokio::sync::Notify>| async move {
        done.notified().await;
        Ok::<_, Error>(())
    };
    for by_function in [false, true] {
        let remedy = Remedy::run(on(Kind::Unauthenticated), Arc::clone(&done), run_remedy).build().unwrap();
        let policy = plain().max_elapsed(20 * MS).with_remedy(remedy.clone());
        let inner = script([sick()]);
        let watched = inner.clone();
        let waits = tokio::spawn(async move {
            if !by_function {
                return call(policy, &inner).await;
            }
            retry(&policy.build().unwrap(), || inner.clone().oneshot(7)).await
        });
        sleep(MS).await;
        done.notify_one();
        advance(30 * MS).await;
        let error = waits.await.unwrap().unwrap_err();
        assert_eq!((remedy.stats().succeeded, watched.calls(), error.kind()), (1, 1, Kind::Unauthenticated));
        let late = error.retry_summary().unwrap().remedy.as_ref().unwrap();
        assert!(late.to_string().contains("too late"), "{late}");
    }
}

/// The remedy runs with the ids of the call that began it, and with nothing else of its context.
#[tokio::test(start_paused = true)]
async fn in_the_context_of_no_call() {
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let look = |sender: tokio::sync::mpsc::Sender<Context>| async move {
        let _ = sender.send(Context::current()).await;
        Ok::<_, Error>(())
    };
    let cx = Context::default().with_ids().with_timeout(Duration::from_secs(1)).with_field("a", 1);
    let policy = plain().remedy(on(Kind::Unauthenticated), sender, look);
    cx.clone().scope(call(policy, &script([sick()]))).await.unwrap();
    let inside = seen.recv().await.unwrap();
    assert_eq!((inside.request_id(), inside.trace()), (cx.request_id(), cx.trace()));
    assert!(inside.deadline().is_none() && inside.fields().len() == 0);
}

/// A client that is made before its policy, as a remedy is that needs the client.
type Client = Arc<std::sync::OnceLock<Policy>>;

async fn ask(client: Client, kind: Kind) -> Result<(), Error> {
    let policy = client.get().expect("it was set");
    retry(policy, || async move { Err::<(), _>(Error::new(kind, "no")) }).await
}

fn of_remedy(error: &Error) -> Error {
    error.retry_summary().and_then(|effort| effort.remedy.clone()).expect("it was attached")
}

/// A remedy that needs itself, as when the token is fetched by the client that needs it, fails at once and doesn't wait
/// for itself.
#[tokio::test(start_paused = true)]
async fn a_remedy_that_needs_itself() {
    let client = Client::default();
    let refresh = |client| ask(client, Kind::Unauthenticated);
    let policy = plain().remedy(on(Kind::Unauthenticated), Arc::clone(&client), refresh).build().unwrap();
    client.set(policy).unwrap();
    let start = Instant::now();
    let error = ask(client, Kind::Unauthenticated).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(of_remedy(&of_remedy(&error)).to_string().contains("does not apply within its own run"));
}

/// The same for remedies that need each other, also in tasks of their own.
#[tokio::test(start_paused = true)]
async fn remedies_in_a_circle() {
    let clients = [Client::default(), Client::default()];
    let healed = |kind, by: &Client, other| {
        let in_a_task = move |by| async move { spawn(ask(by, other)).await.unwrap() };
        plain().remedy(on(kind), Arc::clone(by), in_a_task).build().unwrap()
    };
    let [one, other] = [Kind::Unauthenticated, Kind::NotFound];
    clients[0].set(healed(one, &clients[1], other)).unwrap();
    clients[1].set(healed(other, &clients[0], one)).unwrap();
    let start = Instant::now();
    let error = ask(Arc::clone(&clients[0]), one).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(
        of_remedy(&of_remedy(&of_remedy(&error))).to_string().contains("does not apply within its own run")
    );
}

/// A task that outlives its run is no longer part of it: remedies apply to its failures.
#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_its_run() {
    let (sender, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    let client = Client::default();
    let leaves = |(client, sender): (Client, tokio::sync::mpsc::UnboundedSender<_>)| async move {
        drop(spawn(async move {
            sleep(MS).await;
            let _ = sender.send(ask(client, Kind::Unauthenticated).await);
        }));
        Ok::<_, Error>(())
    };
    let state = (Arc::clone(&client), sender);
    client.set(plain().remedy(on(Kind::Unauthenticated), state, leaves).build().unwrap()).unwrap();
    ask(client, Kind::Unauthenticated).await.unwrap_err();
    let error = outcomes.recv().await.unwrap().unwrap_err();
    let effort = error.retry_summary().unwrap();
    assert!(effort.attempts == 2 && effort.remedy.is_none(), "{effort:?}");
}

/// Several remedies: each once a call, in the order given.
#[tokio::test(start_paused = true)]
async fn several_remedies() {
    let (first, second) = (Repair::default(), Repair::default());
    let missing = Remedy::run(on(Kind::NotFound), second.clone(), Repair::perform).build().unwrap();
    let policy = || plain().with_remedy(first.remedy().build().unwrap()).with_remedy(missing.clone());
    let inner = script([sick(), Step::fail(Kind::NotFound)]);
    call(policy(), &inner).await.unwrap();
    assert_eq!((inner.calls(), first.runs(), second.runs()), (3, (1, 1), (1, 1)));
    let inner = script([sick(), Step::fail(Kind::NotFound), sick()]);
    call(policy().max_attempts(9), &inner).await.unwrap_err();
    assert_eq!(inner.calls(), 3);
}

/// `RetryLayer::remedy`: the services of one layer value share the remedy.
#[tokio::test(start_paused = true)]
async fn on_the_layer() {
    let repair = Repair::default();
    let layer = RetryLayer::new(plain().build().unwrap()).assume_idempotent().remedy(
        on(Kind::Unauthenticated),
        repair.clone(),
        |repair| async move { repair.perform().await },
    );
    let one = |layer: &RetryLayer| layer.layer(script([sick()])).oneshot(7);
    let (a, b) = tokio::join!(one(&layer), one(&layer.clone()));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(repair.runs(), (1, 1));
}

/// The ready-made remedy for tokens: fetched when first refused, and again when it has expired.
#[tokio::test(start_paused = true)]
async fn tokens() {
    let issued = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&issued);
    let tokens = TokenSource::new(move || {
        let token = counter.fetch_add(1, Relaxed) + 1;
        async move { Ok::<_, Error>(token) }
    });
    let policy = plain().with_remedy(tokens.remedy().build().unwrap()).build().unwrap();
    assert!(tokens.current().is_none());
    for valid in [1, 1, 2] {
        let fetch = || {
            let token = tokens.current().map(|token| *token);
            async move {
                if token == Some(valid) { Ok(()) } else { Err(Error::new(Kind::Unauthenticated, "expired")) }
            }
        };
        retry(&policy, fetch).await.unwrap();
    }
    assert_eq!(issued.load(Relaxed), 2);
    assert_eq!(format!("{tokens:?}"), "TokenSource { .. }", "a secret");
}

/// The ready-made remedy for directories, with and without a runtime. It runs once for all threads.
#[test]
fn a_missing_directory() {
    let root = std::env::temp_dir().join(format!("buttress-retry-{}", std::process::id()));
    let write = |remedy: &Remedy, to: &std::path::Path| -> io::Result<()> {
        let policy = Policy::exponential().with_remedy(remedy.clone()).build().unwrap();
        retry_blocking(&policy, || std::fs::write(to, "x"))
    };
    let deep = root.join("a/b");
    let remedy = Remedy::create_dir(&deep).build().unwrap();
    std::thread::scope(|threads| {
        for n in 0..8 {
            let (remedy, file) = (&remedy, deep.join(n.to_string()));
            threads.spawn(move || write(remedy, &file).unwrap());
        }
    });
    assert_eq!((remedy.stats().succeeded, std::fs::read_dir(&deep).unwrap().count()), (1, 8));

    let other = root.join("c");
    let remedy = Remedy::create_dir(&other).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let policy = Policy::exponential().with_remedy(remedy.clone()).build().unwrap();
        retry(&policy, || async { std::fs::write(other.join("file"), "x") }).await.unwrap();
    });
    assert_eq!(remedy.stats().succeeded, 1);

    // What no directory helps against stays what it was.
    let error = write(&remedy, &root.join("elsewhere/file")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    std::fs::remove_dir_all(root).unwrap();
}

/// A thread can wait for an async remedy in a runtime. Without a runtime such a remedy fails, and its error says so.
#[test]
fn an_async_remedy_and_a_thread() {
    let policy = |repair: &Repair| plain().with_remedy(repair.remedy().build().unwrap()).build().unwrap();
    let run_remedy = |policy: &Policy| {
        let mut calls = 0;
        retry_blocking(policy, || {
            calls += 1;
            if calls == 1 { Err(TestError::from(Kind::Unauthenticated)) } else { Ok(calls) }
        })
    };
    let repair = Repair::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let inside = policy(&repair);
    let outcome = runtime.block_on(async { tokio::task::spawn_blocking(move || run_remedy(&inside)).await });
    assert_eq!(outcome.unwrap().unwrap(), 2);

    let error = run_remedy(&policy(&Repair::default())).unwrap_err();
    assert!(error.retry_summary().unwrap().remedy.as_ref().unwrap().to_string().contains("needs a runtime"));
}

/// A remedy that blocks and hangs is waited for no longer than its time limit.
#[test]
fn a_blocking_remedy_that_hangs() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = Arc::new(std::sync::Mutex::new(receiver));
    let hang = |receiver: Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>| {
        let _ = receiver.lock().unwrap().recv();
        Ok::<_, Error>(())
    };
    let remedy =
        Remedy::run_blocking(on(Kind::NotFound), receiver, hang).time_limit(20 * MS).build().unwrap();
    let policy = plain().with_remedy(remedy).build().unwrap();
    let error = retry_blocking(&policy, || Err::<(), _>(TestError::from(Kind::NotFound))).unwrap_err();
    assert_eq!(error.retry_summary().unwrap().remedy.as_ref().map(Error::kind), Some(Kind::Timeout));
    drop(sender);
}

/// [S2] A blocking remedy that panics has failed, and soon the next run may begin.
#[test]
fn a_blocking_remedy_that_panics() {
    let runs = Arc::new(AtomicU32::new(0));
    let panics_once = |runs: Arc<AtomicU32>| {
        if runs.fetch_add(1, Relaxed) == 0 {
            std::panic::resume_unwind(Box::new("quiet"));
        }
        Ok::<_, Error>(())
    };
    let remedy = Remedy::run_blocking(on(Kind::NotFound), runs, panics_once).build().unwrap();
    let policy = plain().with_remedy(remedy.clone()).build().unwrap();
    let start = Instant::now();
    while remedy.stats().succeeded == 0 && start.elapsed() < Duration::from_secs(60) {
        let _ = retry_blocking(&policy, || Err::<(), _>(TestError::from(Kind::NotFound)));
        std::thread::yield_now();
    }
    assert_eq!((remedy.stats().failed, remedy.stats().succeeded), (1, 1));
}

/// [S17] The error of a remedy is on the failure that it was run for, and on no later one of another kind.
#[tokio::test(start_paused = true)]
async fn the_remedys_error_stays_with_its_failure() {
    let failing = |()| async { Err::<(), _>(Error::new(Kind::Internal, "failed")) };
    for (then, told) in [(Kind::Unavailable, true), (Kind::NotFound, false)] {
        let remedy = Remedy::run(on(Kind::Unavailable), (), failing).build().unwrap();
        let inner = script([Kind::Unavailable, then, then].map(Step::fail));
        let error = call(plain().with_remedy(remedy), &inner).await.unwrap_err();
        assert_eq!(error.retry_summary().unwrap().remedy.is_some(), told, "{then:?}");
    }
    // Nor with a failure whose own remedy has worked, and which came back.
    let repair = Repair::default();
    let remedy = Remedy::run(on(Kind::Unavailable), (), failing).build().unwrap();
    let policy = plain().with_remedy(remedy).with_remedy(repair.remedy().build().unwrap());
    let inner = script([Step::fail(Kind::Unavailable), sick(), sick()]);
    let error = call(policy, &inner).await.unwrap_err();
    assert_eq!((repair.runs(), error.retry_summary().unwrap().remedy.is_some()), ((1, 1), false));
}

/// [S17] An attempt that began after a success of the remedy needs a run of its own, also where the first
/// attempt of its call began before.
#[tokio::test(start_paused = true)]
async fn every_attempt_has_a_begin_of_its_own() {
    let repair = Repair::default();
    let remedy = repair.remedy().build().unwrap();
    let policy = || plain().with_remedy(remedy.clone());
    let early = tokio::spawn({
        let policy = policy();
        // A wait of 100 ms between its attempts.
        async move { call(policy, &script([Step::fail(Kind::Unavailable), sick()])).await }
    });
    sleep(MS).await;
    call(policy(), &script([sick()])).await.unwrap();
    assert_eq!(repair.runs(), (1, 1), "remedied before the second attempt of the other call");
    early.await.unwrap().unwrap();
    assert_eq!((repair.runs(), remedy.stats().shared), ((2, 2), 0));
}
