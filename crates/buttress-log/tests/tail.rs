//! `LogLayer::buffer_debug`: the DEBUG records of a call are logged only if it fails or is slow.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use buttress_context::{Context, with_current_context, with_current_context_future};
use buttress_error::{Error, Kind};
use buttress_log::LogLayer;
use buttress_log::test::{Logs, capture};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{debug, info, trace};

const ROOM: usize = 64 << 10;

fn messages(logs: &Logs) -> Vec<String> {
    logs.lines().iter().map(|line| line.text("message").unwrap().to_owned()).collect()
}

fn outcome(fails: bool) -> Result<(), Error> {
    if fails { Err(Error::new(Kind::Unavailable, "gone")) } else { Ok(()) }
}

/// Logs at each level, before and after an await.
async fn work(fails: bool) -> Result<(), Error> {
    debug!("one");
    info!("info");
    sleep(Duration::from_millis(50)).await;
    trace!("two");
    outcome(fails)
}

/// The records of a call that succeeds are dropped without a trace, those above DEBUG excepted.
#[tokio::test(start_paused = true)]
async fn a_success_drops_its_debug_records() {
    let logs = capture();
    let layer = LogLayer::new("x").buffer_debug(ROOM);
    layer.layer(service_fn(work)).oneshot(false).await.unwrap();
    assert_eq!(messages(&logs), ["info", "call ended"]);
    logs.assert_one("call.ended").no_field("dropped_records");
    debug!("after");
    assert_eq!(messages(&logs), ["info", "call ended", "after"], "outside of the call nothing is kept");
}

/// The records of a call that fails are written in their order, before `call.ended`, as they would have been at once.
#[tokio::test(start_paused = true)]
async fn a_failure_writes_its_debug_records() {
    let logs = capture();
    let layer = LogLayer::new("x").buffer_debug(ROOM);
    let context = Context::current().with_field("order", 17);
    context.scope(layer.layer(service_fn(work)).oneshot(true)).await.unwrap_err();
    assert_eq!(messages(&logs), ["info", "call started", "one", "two", "call ended"]);
    logs.lines().into_iter().for_each(|line| drop(line.field("order", 17)));
    logs.assert_message("two").field("level", "TRACE");
    logs.assert_one("call.ended").field("outcome", "error").no_field("dropped_records");
}

/// A slow success counts as a failure.
#[tokio::test(start_paused = true)]
async fn a_slow_success_writes_its_debug_records() {
    for (limit, slow) in [(50, true), (60, false)] {
        let logs = capture();
        let layer = LogLayer::new("x").buffer_debug(ROOM).slow_after(Duration::from_millis(limit));
        layer.layer(service_fn(work)).oneshot(false).await.unwrap();
        assert_eq!(messages(&logs).contains(&"one".to_owned()), slow, "{logs}");
        logs.assert_one("call.ended").field("outcome", "ok");
    }
}

/// A dropped call and one that panics have failed.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_and_a_panic_write_their_debug_records() {
    let logs = capture();
    let layer = LogLayer::new("x").buffer_debug(ROOM).end_only();
    let service = layer.layer(service_fn(|panics: bool| async move {
        debug!("inside");
        if panics {
            panic!("a call that panics");
        }
        pending::<Result<(), Error>>().await
    }));
    let call = service.clone().oneshot(false);
    assert!(tokio::time::timeout(Duration::from_millis(10), call).await.is_err());
    assert_eq!(messages(&logs), ["inside", "call ended"]);
    let mut call = Box::pin(service.oneshot(true));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut cx).is_pending())).is_err());
    assert_eq!(messages(&logs)[2..], ["inside", "call ended"]);
}

/// Beyond the size the oldest records are dropped, and `call.ended` has their number.
#[tokio::test]
async fn the_oldest_records_are_dropped_and_counted() {
    let logs = capture();
    let layer = LogLayer::new("x").buffer_debug(2_000).end_only();
    let service = layer.layer(service_fn(|fails: bool| async move {
        for number in 0..1_000 {
            debug!(number, "inside");
        }
        outcome(fails)
    }));
    service.clone().oneshot(true).await.unwrap_err();
    let kept = logs.messages("inside");
    assert!((5..20).contains(&kept.len()), "{}", kept.len());
    for (line, number) in kept.iter().rev().zip((0..1_000).rev()) {
        line.clone().field("number", number);
    }
    logs.assert_one("call.ended").field("dropped_records", 1_000 - kept.len() as u64);
    service.oneshot(false).await.unwrap();
    assert_eq!(logs.messages("inside").len(), kept.len());
}

/// The buffer follows the context of the call to other tasks and threads.
#[tokio::test]
async fn records_of_other_tasks_and_threads_belong_to_the_call() {
    for fails in [true, false] {
        let logs = capture();
        let layer = LogLayer::new("x").buffer_debug(ROOM).end_only();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let service = layer.layer(service_fn(move |fails: bool| {
            let dispatch = dispatch.clone();
            async move {
                tokio::spawn(with_current_context_future(async { debug!("task") })).await.unwrap();
                let inside = with_current_context(move || debug!("thread"));
                let thread = std::thread::spawn(move || tracing::dispatcher::with_default(&dispatch, inside));
                tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
                outcome(fails)
            }
        }));
        assert_eq!(service.oneshot(fails).await.is_err(), fails);
        let expected = if fails { &["task", "thread", "call ended"][..] } else { &["call ended"] };
        assert_eq!(messages(&logs), expected);
    }
}

/// An inner call that fails writes its own records. One that succeeds leaves them to the outer call.
#[tokio::test]
async fn a_nested_call_has_a_buffer_of_its_own() {
    for (inner_fails, outer_fails, expected) in [
        (true, false, &["inner", "call ended", "call ended"][..]),
        (false, true, &["before", "inner", "call ended", "after", "call ended"]),
        (false, false, &["call ended"]),
        (true, true, &["inner", "call ended", "before", "after", "call ended"]),
    ] {
        let logs = capture();
        let inner = LogLayer::for_client("inner").buffer_debug(ROOM).end_only();
        let inner = inner.layer(service_fn(move |_: ()| async move {
            debug!("inner");
            outcome(inner_fails)
        }));
        let outer = LogLayer::new("outer").buffer_debug(ROOM).end_only();
        let outer = outer.layer(service_fn(move |_: ()| {
            let inner = inner.clone();
            async move {
                debug!("before");
                let _ = inner.oneshot(()).await;
                debug!("after");
                outcome(outer_fails)
            }
        }));
        assert_eq!(outer.oneshot(()).await.is_err(), outer_fails);
        assert_eq!(messages(&logs), expected, "{inner_fails} {outer_fails}");
    }
}

/// What a task logs in the context of a call that has ended follows the end of the call.
#[tokio::test]
async fn late_records_follow_the_end_of_the_call() {
    for fails in [true, false] {
        let logs = capture();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut kept = Some(sender);
        let layer = LogLayer::new("x").buffer_debug(ROOM).end_only();
        let service = layer.layer(service_fn(move |fails: bool| {
            let _ = kept.take().unwrap().send(Context::current());
            async move { outcome(fails) }
        }));
        assert_eq!(service.oneshot(fails).await.is_err(), fails);
        receiver.await.unwrap().run(|| debug!("late"));
        assert_eq!(messages(&logs).contains(&"late".to_owned()), fails);
    }
}

/// A call whose context has a level of its own is not buffered, and a layer that is off keeps nothing.
#[tokio::test(start_paused = true)]
async fn a_call_with_a_level_of_its_own_is_not_buffered() {
    let logs = capture();
    let call = LogLayer::new("x").buffer_debug(ROOM).layer(service_fn(work)).oneshot(false);
    Context::current().with_log_level(tracing::level_filters::LevelFilter::DEBUG).scope(call).await.unwrap();
    LogLayer::off().buffer_debug(ROOM).layer(service_fn(work)).oneshot(false).await.unwrap();
    assert_eq!(messages(&logs), ["call started", "one", "info", "two", "call ended", "one", "info", "two"]);
}
