//! The events. Every test here listens: a callsite that is first met without a subscriber may stay silent.

mod kit;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Error, Kind, Verdict};
use buttress_retry::{Budget, PolicyBuilder, Remedy, RetryContext, RetryLayer, on, retry_blocking};
use buttress_test::{Step, TestError};
use kit::{MS, call, capture, listen, plain, script};
use tokio::runtime::Handle;
use tower::{Layer, ServiceExt};

/// [S6] Events are emitted outside every lock: a subscriber may read the budget, and even withdraw from it.
#[test]
fn a_listener_may_ask_the_budget() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let ratio = Budget::ratio(0.0).build().unwrap();
        let tokens = Budget::tokens(500).build().unwrap();
        let asked = [ratio.clone(), tokens.clone()];
        let (subscriber, events) = listen(move || {
            for budget in &asked {
                budget.deposit();
                assert!(budget.available() > 0 && budget.withdraw(Kind::Unavailable).is_some());
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        tracing::subscriber::with_default(subscriber, || {
            runtime.unwrap().block_on(async {
                for budget in [ratio, tokens] {
                    let inner = script(vec![Step::fail(Kind::Unavailable); 3]);
                    call(plain().budget(budget.clone()), &inner).await.unwrap_err();
                    call(plain().budget(budget), &script([Step::fail(Kind::Timeout)])).await.unwrap();
                }
            });
        });
        done.send(events.lock().unwrap().len()).unwrap();
    });
    // Scheduled twice and stopped, scheduled and recovered; for each budget.
    let told = finished.recv_timeout(Duration::from_secs(20)).expect("a lock was held while telling");
    assert_eq!(told, 10);
}

/// [S16] The summary event is always emitted, even if nothing can be attached to the error.
#[tokio::test(start_paused = true)]
async fn the_summary_event() {
    let (subscriber, events) = capture();
    let _default = tracing::subscriber::set_default(subscriber);
    let layer = RetryLayer::new(plain().max_attempts(2).build().unwrap())
        .assume_idempotent()
        .classify_with(|_: &Result<u32, TestError>| Verdict::failure(Kind::Timeout));
    layer.layer(script([])).oneshot(7).await.unwrap();

    let events = events.lock().unwrap();
    let [scheduled, stopped] = &events[..] else { panic!("{events:?}") };
    let expect = |event: &kit::Event, fields: &[(&str, &str)]| {
        for (name, value) in fields {
            assert_eq!(event.get(name).map(String::as_str), Some(*value), "{name} of {event:?}");
        }
    };
    expect(
        scheduled,
        &[
            ("event", "retry.scheduled"),
            ("level", "DEBUG"),
            ("attempt", "1"),
            ("delay_ms", "100"),
            ("kind", "timeout"),
        ],
    );
    expect(
        stopped,
        &[
            ("event", "retry.stopped"),
            ("level", "WARN"),
            ("attempts", "2"),
            ("delay_ms", "100"),
            ("elapsed_ms", "100"),
            ("stopped", "attempts"),
            ("kind", "timeout"),
            ("history", "timeout 100ms, timeout"),
        ],
    );
}

/// Events have the name of the layer, which precedes that of its policy; the name of a policy in the context precedes both.
#[tokio::test(start_paused = true)]
async fn named_events() {
    let (subscriber, events) = capture();
    let _default = tracing::subscriber::set_default(subscriber);
    let names = || {
        let told = std::mem::take(&mut *events.lock().unwrap());
        told.into_iter().map(|event| event.get("retry").cloned()).collect::<Vec<_>>()
    };
    let repair = |()| std::future::ready(Ok::<_, Error>(()));
    let policy = || plain().remedy(on(Kind::Aborted), (), repair).max_attempts(4);
    let steps = || [Step::fail(Kind::Aborted), Step::fail(Kind::Timeout), Step::ok()];
    let run = |layer: RetryLayer, steps: Vec<Step>| layer.assume_idempotent().layer(script(steps)).oneshot(7);

    let layer = |policy: PolicyBuilder| RetryLayer::new(policy.build().unwrap());
    run(layer(policy()), steps().into()).await.unwrap();
    assert_eq!(names(), [None, None, None, None], "a remedy has its own name");
    run(layer(policy().name("orders")), steps().into()).await.unwrap();
    assert_eq!(names().iter().flatten().collect::<Vec<_>>(), ["orders"; 3]);
    run(layer(policy().name("orders")).named("payments"), vec![Step::fail(Kind::NotFound)])
        .await
        .unwrap_err();
    assert_eq!(names(), [Some("payments".to_owned())]);

    for (own, told) in [(plain(), "payments"), (plain().name("patient"), "patient")] {
        let cx = Context::current().with_retry_policy(own.build().unwrap());
        let call = || run(layer(policy()).named("payments"), vec![Step::fail(Kind::NotFound)]);
        cx.scope(async { call().await.unwrap_err() }).await;
        assert_eq!(names(), [Some(told.to_owned())]);
    }
}

/// [S16] There is an event for a failure that is not retried and for a success after retries, but none for a plain success.
#[tokio::test(start_paused = true)]
async fn other_events() {
    let (subscriber, events) = capture();
    let _default = tracing::subscriber::set_default(subscriber);
    call(plain(), &script([])).await.unwrap();
    assert_eq!(events.lock().unwrap().len(), 0);

    call(plain(), &script([Step::fail(Kind::NotFound)])).await.unwrap_err();
    let event = events.lock().unwrap().pop().unwrap();
    assert_eq!(
        [&event["event"], &event["level"], &event["stopped"]],
        ["retry.stopped", "DEBUG", "not_retryable"]
    );
    assert_eq!([&event["history"], &event["attempts"]], ["not_found", "1"]);

    call(plain(), &script([Step::fail(Kind::Timeout)])).await.unwrap();
    let event = events.lock().unwrap().pop().unwrap();
    assert_eq!([&event["event"], &event["attempts"], &event["delay_ms"]], ["retry.recovered", "2", "100"]);
}

/// [S17] There is an event for each run of a remedy and for each call that it retries. A failed run is a WARN; the summary of
/// the call has the rest.
#[tokio::test(start_paused = true)]
async fn events_of_a_remedy() {
    let (subscriber, events) = capture();
    let _default = tracing::subscriber::set_default(subscriber);
    let told = || {
        let told: Vec<_> = events.lock().unwrap().drain(..).collect();
        told.into_iter()
            .map(|event| (event["event"].clone(), event["level"].clone(), event))
            .collect::<Vec<_>>()
    };
    let tired = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let nap = |tired: std::sync::Arc<std::sync::atomic::AtomicBool>| async move {
        tokio::time::sleep(kit::MS * 30).await;
        if tired.load(std::sync::atomic::Ordering::Relaxed) {
            Err(Error::new(Kind::Internal, "too tired"))
        } else {
            Ok(())
        }
    };
    let remedy =
        Remedy::run(on(Kind::Aborted), tired.clone(), nap).name("nap").runs_per_minute(2).build().unwrap();
    let policy = || plain().with_remedy(remedy.clone());
    let sick = || script([Step::fail(Class::new(Kind::Aborted).reason("SICK"))]);

    call(policy(), &sick()).await.unwrap();
    let [worked, remedied, recovered] = &told()[..] else { panic!("three events") };
    assert_eq!((&*worked.0, &*worked.1), ("remedy.succeeded", "INFO"));
    let fields = ["remedy", "duration_ms", "kind", "reason"].map(|name| &*worked.2[name]);
    assert_eq!(fields, ["nap", "30", "aborted", "SICK"]);
    assert_eq!((&*remedied.0, &*remedied.1, &*remedied.2["attempt"]), ("retry.remedied", "DEBUG", "1"));
    assert_eq!((&*recovered.0, &*recovered.2["attempts"]), ("retry.recovered", "2"));

    tired.store(true, std::sync::atomic::Ordering::Relaxed);
    call(policy(), &sick()).await.unwrap_err();
    let [failed, stopped] = &told()[..] else { panic!("two events") };
    assert_eq!((&*failed.0, &*failed.1, &*failed.2["error"]), ("remedy.failed", "WARN", "too tired"));
    assert_eq!(
        (&*stopped.0, &*stopped.1, &*stopped.2["stopped"]),
        ("retry.stopped", "DEBUG", "not_retryable")
    );

    tokio::time::sleep(kit::MS * 100).await;
    call(policy(), &sick()).await.unwrap_err();
    let [refused, _stopped] = &told()[..] else { panic!("two events") };
    assert_eq!((&*refused.0, &*refused.1), ("remedy.refused", "DEBUG"));
}

/// [S17] If the subscriber panics at the event of a run, as when the `Display` of an error panics, the calls that wait for the
/// run still get its result.
#[tokio::test(start_paused = true)]
async fn a_log_that_panics() {
    let told = AtomicBool::new(false);
    let (subscriber, events) = listen(move || {
        if !told.swap(true, Relaxed) {
            resume_unwind(Box::new("quiet"));
        }
    });
    let _default = tracing::subscriber::set_default(subscriber);
    let fail = |()| async { Err::<(), _>(Error::new(Kind::Internal, "no doctor")) };
    let remedy = Remedy::run(on(Kind::NotFound), (), fail).build().unwrap();
    let error =
        call(plain().with_remedy(remedy.clone()), &script([Step::fail(Kind::NotFound)])).await.unwrap_err();
    assert_eq!(events.lock().unwrap()[0]["event"], "remedy.failed");
    assert_eq!(error.retry_summary().unwrap().remedy.as_ref().map(Error::kind), Some(Kind::Internal));
    assert_eq!(remedy.stats().failed, 1);
}

/// [S17] A call that fails while the event of a failed run is being emitted gets the error of that run, and not one about its
/// time limit.
#[tokio::test(start_paused = true)]
async fn a_failure_while_the_log_is_told() {
    let fail = |()| async { Err::<(), _>(Error::new(Kind::Internal, "no doctor")) };
    let remedy = Remedy::run(on(Kind::NotFound), (), fail).build().unwrap();
    let (sender, meanwhile) = mpsc::channel();
    let told = AtomicBool::new(false);
    let (subscriber, events) = listen({
        let remedy = remedy.clone();
        move || {
            if told.swap(true, Relaxed) {
                return;
            }
            let policy = plain().with_remedy(remedy.clone()).build().unwrap();
            let clock = Handle::current();
            let thread = thread::spawn(move || {
                let _clock = clock.enter();
                let fails = || retry_blocking(&policy, || Err::<(), _>(TestError::from(Kind::NotFound)));
                tracing::subscriber::with_default(capture().0, fails).unwrap_err()
            });
            while remedy.stats().shared == 0 && !thread.is_finished() {
                thread::yield_now();
            }
            sender.send(thread).unwrap();
        }
    });
    let _default = tracing::subscriber::set_default(subscriber);
    let first = call(plain().with_remedy(remedy), &script([Step::fail(Kind::NotFound)])).await.unwrap_err();
    assert_eq!(events.lock().unwrap()[0]["event"], "remedy.failed");
    for error in [first, meanwhile.recv().unwrap().join().unwrap()] {
        assert_eq!(error.retry_summary().unwrap().remedy.as_ref().map(Error::kind), Some(Kind::Internal));
    }
}

/// A layer that does not retry a transient failure only because its request type does not say whether it is idempotent
/// warns once, and names the settings.
#[tokio::test(start_paused = true)]
async fn a_request_type_that_says_nothing_is_warned_of_once() {
    let warnings = async |layer: &RetryLayer, cx: Context, class: Class| {
        let (subscriber, events) = capture();
        let _guard = tracing::subscriber::set_default(subscriber);
        for _ in 0..3 {
            let service = layer.layer(script([Step::fail(class)]));
            let _ = cx.clone().scope(async { service.oneshot(7).await }).await;
        }
        let events = events.lock().unwrap();
        let warns = events.iter().filter(|event| event["event"] == "retry.idempotency_unknown");
        warns.map(|event| (event["level"].clone(), event["message"].clone())).collect::<Vec<_>>()
    };
    let layer = || RetryLayer::new(plain().build().unwrap());
    let down = Class::new(Kind::Unavailable);
    let (cx, silent) = (Context::default, layer());
    let once = warnings(&silent, cx(), down).await;
    let [(level, message)] = &once[..] else { panic!("{once:?}") };
    assert!(level == "WARN" && message.contains("RetryLayer::assume_idempotent"), "{message}");
    assert!(warnings(&silent.clone(), cx(), down).await.is_empty(), "once for the layer and its clones");

    // Each of these has another reason.
    let spent = RetryLayer::new(plain().max_attempts(1).build().unwrap());
    let never = layer().replay_with(|_: &u32| None);
    assert!(warnings(&spent, cx(), down).await.is_empty(), "no attempt is left");
    assert!(warnings(&layer(), cx().with_timeout(MS), Class::new(Kind::NotFound)).await.is_empty());
    assert!(warnings(&layer(), cx(), down.exhausted()).await.is_empty());
    assert!(warnings(&layer(), cx(), Class::new(Kind::Rejected)).await.is_empty());
    assert!(warnings(&layer(), cx().with_idempotent(false), down).await.is_empty(), "the context says so");
    assert!(warnings(&layer(), cx().with_idempotent(true), down).await.is_empty());
    assert!(warnings(&layer(), cx().with_inner_retries_disabled(), down).await.is_empty());
    assert!(warnings(&layer().assume_idempotent(), cx(), down).await.is_empty());
    let (subscriber, events) = capture();
    let _guard = tracing::subscriber::set_default(subscriber);
    let _ = never.layer(script([Step::fail(down)])).oneshot(7).await;
    assert!(events.lock().unwrap().iter().all(|event| event["event"] != "retry.idempotency_unknown"));
}
