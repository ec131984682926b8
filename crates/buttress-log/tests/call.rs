//! `LogLayer`: one start, one end, whatever the end.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use buttress_context::{Context, Report, RequestId};
use buttress_error::{Classifier, Completion, Error, Kind, Verdict};
use buttress_log::LogLayer;
use buttress_log::test::{Line, capture};
use buttress_test::conform;
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

fn level(line: &Line) -> &str {
    line.text("level").unwrap()
}

/// [S1] [S2] [S3] [S4] The contract of every layer: cancellation at each poll, panics, readiness, clones, errors.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let logs = capture();
    let layer = LogLayer::new("x");
    let in_balance = || {
        let (starts, ends) = (logs.events("call.started").len(), logs.events("call.ended").len());
        assert_eq!(starts, ends, "each call ends once");
    };
    conform(|inner| layer.layer(inner)).at_rest(in_balance).run().await;
    assert!(logs.events("call.ended").len() > 5);
}

#[tokio::test(start_paused = true)]
async fn one_start_and_one_end() {
    let logs = capture();
    let service = LogLayer::new("payments").layer(service_fn(|request: u32| async move {
        sleep(Duration::from_millis(250)).await;
        Ok::<_, Error>(request)
    }));
    assert_eq!(service.oneshot(7).await.unwrap(), 7);
    let start = logs.assert_one("call.started").field("call", "payments").field("target", "buttress::call");
    let end = logs
        .assert_one("call.ended")
        .field("call", "payments")
        .field("outcome", "ok")
        .no_field("kind")
        .field("attempts", 1)
        .no_field("degraded");
    assert_eq!((level(&start), level(&end)), ("DEBUG", "INFO"));
    let duration: f64 = end.get("duration_ms").unwrap().parse().unwrap();
    assert!((250.0..252.0).contains(&duration), "{duration}");
    assert_eq!(logs.lines().len(), 2);
}

/// [S35] The end refers to the error by kind and reason; the error itself goes to the caller, unchanged.
#[tokio::test]
async fn an_error_is_logged_by_kind() {
    let logs = capture();
    let service = LogLayer::new("payments").end_only().layer(service_fn(|_: ()| async {
        Err::<(), _>(Error::new(Kind::Unavailable, "gateway gone").reason("GATEWAY"))
    }));
    let error = service.oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "gateway gone");
    let end = logs
        .assert_one("call.ended")
        .field("outcome", "error")
        .field("kind", "unavailable")
        .field("reason", "GATEWAY")
        .no_field("error");
    assert_eq!(level(&end), "WARN");
    logs.assert_none("call.started");
}

/// The level is that of the kind; a caller's mistake is an error of the call, at INFO.
#[tokio::test]
async fn levels_by_kind() {
    for (kind, expected) in [
        (Kind::NotFound, "INFO"),
        (Kind::Timeout, "WARN"),
        (Kind::Internal, "ERROR"),
        (Kind::Cancelled, "DEBUG"),
    ] {
        let logs = capture();
        let service = LogLayer::new("x")
            .layer(service_fn(move |_: ()| async move { Err::<(), _>(Error::new(kind, "x")) }));
        assert!(service.oneshot(()).await.is_err());
        assert_eq!(level(&logs.assert_one("call.ended").field("outcome", "error")), expected);
    }
}

/// A classifier decides what an answer means.
#[tokio::test]
async fn a_classifier_judges_answers() {
    let logs = capture();
    let layer = LogLayer::new("x").classify_with(|outcome: &Result<u16, Error>| match outcome {
        Ok(503) => Verdict::failure(Kind::Unavailable),
        _ => Verdict::success(),
    });
    let service = layer.layer(service_fn(|status: u16| async move { Ok::<_, Error>(status) }));
    assert_eq!(service.oneshot(503).await.unwrap(), 503);
    logs.assert_one("call.ended").field("outcome", "error").field("kind", "unavailable");
}

/// [S1] A dropped call is logged once, as cancelled, with the time it took.
#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_cancelled() {
    let logs = capture();
    let service = LogLayer::new("x").layer(service_fn(|_: ()| pending::<Result<(), Error>>()));
    let call = service.oneshot(());
    assert!(tokio::time::timeout(Duration::from_millis(40), call).await.is_err());
    let end = logs.assert_one("call.ended").field("outcome", "cancelled").field("kind", "cancelled");
    assert!(end.get("duration_ms").unwrap().parse::<f64>().unwrap() >= 40.0);
    assert_eq!(level(&end), "DEBUG");
}

/// A call that was never polled is logged too.
#[tokio::test]
async fn a_call_that_never_ran_is_cancelled() {
    let logs = capture();
    let mut service = LogLayer::new("x").layer(service_fn(|_: ()| pending::<Result<(), Error>>()));
    drop(tower::Service::call(service.ready().await.unwrap(), ()));
    logs.assert_one("call.ended").field("outcome", "cancelled");
}

/// [S2] A panic, in a poll or in `call`, is logged once where it happens and goes on.
#[tokio::test]
async fn a_panic_is_logged_and_goes_on() {
    let logs = capture();
    let in_poll = LogLayer::new("poll").end_only().layer(service_fn(|_: ()| async {
        if true {
            panic!("in a poll");
        }
        Ok::<(), Error>(())
    }));
    let mut call = Box::pin(in_poll.oneshot(()));
    let waker = std::task::Waker::noop();
    let poll =
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut std::task::Context::from_waker(waker))));
    assert_eq!(*poll.unwrap_err().downcast::<&str>().unwrap(), "in a poll");
    // Logged although the future still exists.
    logs.assert_one("call.ended")
        .field("call", "poll")
        .field("outcome", "panic")
        .field("kind", "panic")
        .field("level", "ERROR");
    drop(call);
    logs.assert_one("call.ended");

    let logs = capture();
    let mut in_call = LogLayer::new("call").layer(service_fn(|fail: bool| {
        assert!(!fail, "in call");
        std::future::ready(Ok::<(), Error>(()))
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| tower::Service::call(&mut in_call, true))).is_err());
    logs.assert_one("call.ended").field("call", "call").field("outcome", "panic");
}

/// A panic in the classifier ends the call as well: no start is left without its end.
#[tokio::test]
async fn a_panic_in_the_classifier_is_logged() {
    let logs = capture();
    let layer =
        LogLayer::new("x").classify_with(|_: &Result<u32, Error>| -> Verdict { panic!("no opinion") });
    let mut call = Box::pin(layer.layer(service_fn(|n: u32| async move { Ok::<_, Error>(n) })).oneshot(7));
    poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)));
        assert!(poll.is_err(), "the panic goes on");
        Poll::Ready(())
    })
    .await;
    drop(call);
    logs.assert_one("call.ended").field("outcome", "panic").field("kind", "panic");
}

/// [S2] A call that is dropped while another panic unwinds was cancelled.
#[tokio::test]
async fn a_call_dropped_by_another_panic_is_cancelled() {
    let logs = capture();
    let call = LogLayer::new("x").layer(service_fn(|_: ()| pending::<Result<(), Error>>())).oneshot(());
    let mut call = Box::pin(call);
    poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _call = call;
        panic!("another panic");
    }));
    assert!(unwound.is_err());
    logs.assert_one("call.ended").field("outcome", "cancelled");
}

/// [S16] The report of an inner retry layer is in `call.ended`, and reaches no outer layer.
#[tokio::test]
async fn the_report_of_the_call_is_read() {
    let logs = capture();
    let inner = LogLayer::new("inner").layer(service_fn(|_: ()| async {
        Report::write(|report| {
            report.attempts = 3;
            report.delay = Duration::from_micros(1_500);
            report.degraded = true;
            report.stopped = Some(buttress_error::StopReason::Attempts);
        });
        Ok::<_, Error>(())
    }));
    LogLayer::new("outer").layer(inner).oneshot(()).await.unwrap();
    let ends = logs.events("call.ended");
    ends[0]
        .clone()
        .field("call", "inner")
        .field("attempts", 3)
        .field("delay_ms", 1.5)
        .field("stopped", "attempts")
        .field("degraded", true);
    ends[1].clone().field("call", "outer").field("attempts", 1).no_field("delay_ms");
}

/// The end has the ids of the call, also when the future is dropped elsewhere.
#[tokio::test]
async fn the_end_has_the_ids_of_the_call() {
    let logs = capture();
    let mut service = LogLayer::new("x").layer(service_fn(|_: ()| pending::<Result<(), Error>>()));
    let context = Context::current().with_request_id(RequestId::parse("req-9").unwrap());
    let call = context.run(|| tower::Service::call(&mut service, ()));
    drop(call);
    logs.assert_one("call.ended").field("request_id", "req-9");
}

/// The layer passes an error of any classified type, and is `Send`, `Sync` and `Clone` when its parts are.
#[tokio::test]
async fn any_error_type_stays() {
    fn check<T: Send + Sync + Clone>(service: T) -> T {
        service
    }
    let service = check(
        LogLayer::new("x").layer(service_fn(|_: ()| async { Err::<(), _>(std::io::Error::other("io")) })),
    );
    let error: std::io::Error = service.oneshot(()).await.unwrap_err();
    assert_eq!(error.to_string(), "io");
}

/// Not ready for `pending` polls, then an error of kind Unavailable, or a panic.
#[derive(Clone)]
struct NotReady {
    pending: u32,
    panics: bool,
}

impl tower::Service<()> for NotReady {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Error>> {
        if self.pending > 0 {
            self.pending -= 1;
            return Poll::Pending;
        }
        assert!(!self.panics, "not ready");
        Poll::Ready(Err(Error::new(Kind::Unavailable, "not ready").reason("POOL")))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("it is never ready")
    }
}

/// A service that fails to become ready has both events, with the time since it first was not ready.
#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_become_ready_has_both_events() {
    for (waits, least) in [(0, 0.0), (1, 70.0), (3, 210.0)] {
        let logs = capture();
        let mut service = LogLayer::new("x").layer(NotReady { pending: waits, panics: false });
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..waits {
            assert!(tower::Service::poll_ready(&mut service, &mut cx).is_pending());
            tokio::time::advance(Duration::from_millis(70)).await;
        }
        assert!(logs.lines().is_empty(), "nothing has ended yet");
        let Poll::Ready(Err(error)) = tower::Service::poll_ready(&mut service, &mut cx) else {
            panic!("it fails")
        };
        assert_eq!(error.to_string(), "not ready");
        logs.assert_one("call.started").field("call", "x");
        let end = logs
            .assert_one("call.ended")
            .field("outcome", "error")
            .field("kind", "unavailable")
            .field("reason", "POOL")
            .field("attempts", 1)
            .field("level", "WARN");
        let duration: f64 = end.get("duration_ms").unwrap().parse().unwrap();
        assert!((least..least + 2.0).contains(&duration), "{duration}");
    }
}

/// A panic in `poll_ready` is the end of a call too, and goes on.
#[tokio::test]
async fn a_panic_in_poll_ready_has_both_events() {
    let logs = capture();
    let mut service = LogLayer::new("x").layer(NotReady { pending: 0, panics: true });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let poll =
        catch_unwind(AssertUnwindSafe(|| tower::Service::poll_ready(&mut service, &mut cx).is_pending()));
    assert_eq!(*poll.unwrap_err().downcast::<&str>().unwrap(), "not ready");
    logs.assert_one("call.started");
    logs.assert_one("call.ended").field("outcome", "panic").field("kind", "panic").field("level", "ERROR");
}

/// A clone does not inherit the wait of its original.
#[tokio::test(start_paused = true)]
async fn a_clone_has_its_own_wait() {
    let logs = capture();
    let mut service = LogLayer::new("x").layer(NotReady { pending: 1, panics: false });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(tower::Service::poll_ready(&mut service, &mut cx).is_pending());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(tower::Service::poll_ready(&mut service.clone(), &mut cx).is_ready());
    logs.assert_one("call.ended").field("duration_ms", 0.0);
}

/// Only a success on the first attempt has the configured level.
#[tokio::test]
async fn the_success_level_is_for_the_first_attempt() {
    use tracing::Level;
    let attempts = |layer: &LogLayer, made: u32, degraded: bool| {
        layer.layer(service_fn(move |_: ()| async move {
            Report::write(|report| (report.attempts, report.degraded) = (made, degraded));
            Ok::<_, Error>(())
        }))
    };
    for (layer, at_once) in [
        (LogLayer::new("x"), "INFO"),
        (LogLayer::new("x").success_level(Level::DEBUG), "DEBUG"),
        (LogLayer::new("x").success_level(Level::TRACE).end_only(), "TRACE"),
        (LogLayer::new("x").success_level(Level::WARN).classifier(buttress_error::ByKind), "WARN"),
    ] {
        for (made, degraded, expected) in
            [(0, false, at_once), (1, false, at_once), (2, false, "INFO"), (0, true, "INFO")]
        {
            let logs = capture();
            attempts(&layer, made, degraded).oneshot(()).await.unwrap();
            assert_eq!(level(&logs.assert_one("call.ended")), expected, "{made} {degraded}");
        }
        let logs = capture();
        let failing = layer.layer(service_fn(|_: ()| async { Err::<(), _>(Error::new(Kind::Timeout, "x")) }));
        assert!(failing.oneshot(()).await.is_err());
        assert_eq!(level(&logs.assert_one("call.ended")), "WARN");
    }
}

/// A layer that is off logs nothing however a call ends, and no setter turns it on.
#[tokio::test]
async fn off_logs_nothing() {
    let logs = capture();
    let layer = LogLayer::off().end_only().success_level(tracing::Level::ERROR);
    assert!(!layer.is_on() && LogLayer::new("x").end_only().is_on());
    layer.layer(service_fn(|_: ()| async { Ok::<_, Error>(()) })).oneshot(()).await.unwrap();
    drop(tower::Service::call(&mut layer.layer(service_fn(|_: ()| pending::<Result<(), Error>>())), ()));
    assert!(layer.layer(NotReady { pending: 0, panics: false }).oneshot(()).await.is_err());
    assert!(logs.lines().is_empty(), "{logs}");
}

/// A service that is dropped while it is not ready ends a call, once. A clone of it, and one that has become ready, end none.
#[tokio::test(start_paused = true)]
async fn a_service_dropped_while_it_waits_ends_a_call() {
    let logs = capture();
    let mut service = LogLayer::new("x").layer(NotReady { pending: 9, panics: false });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(tower::Service::poll_ready(&mut service, &mut cx).is_pending());
    drop(service.clone());
    assert!(logs.lines().is_empty(), "a clone does not wait");
    tokio::time::advance(Duration::from_millis(30)).await;
    assert!(tower::Service::poll_ready(&mut service, &mut cx).is_pending());
    drop(service);
    logs.assert_one("call.started");
    let end = logs.assert_one("call.ended").field("outcome", "cancelled").field("kind", "cancelled");
    assert!(end.get("duration_ms").unwrap().parse::<f64>().unwrap() >= 30.0);

    let logs = capture();
    let mut ready = LogLayer::new("x").layer(service_fn(|_: ()| pending::<Result<(), Error>>()));
    assert!(tower::Service::<()>::poll_ready(&mut ready, &mut cx).is_ready());
    drop(ready.clone());
    drop(ready);
    assert!(logs.lines().is_empty(), "no call was made");
}

/// A caller that gives up while the service is not ready: one pair.
#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_waits_has_both_events() {
    let logs = capture();
    let call = LogLayer::new("x").layer(NotReady { pending: u32::MAX, panics: false }).oneshot(());
    assert!(tokio::time::timeout(Duration::from_millis(5), call).await.is_err());
    logs.assert_one("call.started");
    logs.assert_one("call.ended").field("outcome", "cancelled");
}

/// A panic in `poll_ready` after a wait ends the call once: the drop of the service adds nothing.
#[tokio::test]
async fn a_panic_after_a_wait_has_one_pair() {
    let logs = capture();
    let mut service = LogLayer::new("x").layer(NotReady { pending: 1, panics: true });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(tower::Service::poll_ready(&mut service, &mut cx).is_pending());
    let poll =
        catch_unwind(AssertUnwindSafe(|| tower::Service::poll_ready(&mut service, &mut cx).is_pending()));
    assert!(poll.is_err());
    drop(service);
    logs.assert_one("call.started");
    logs.assert_one("call.ended").field("outcome", "panic");
}

/// Finds the completion in the response.
#[derive(Clone)]
struct Streams;

impl Classifier<Completion, Error> for Streams {
    fn judge(&self, outcome: &Result<Completion, Error>) -> Verdict {
        outcome.as_ref().map_or_else(|error| Verdict::failure(error.kind()), |_| Verdict::success())
    }

    fn completion(&self, outcome: &Result<Completion, Error>) -> Option<Completion> {
        outcome.as_ref().ok().cloned()
    }
}

/// A response that streams ends the call when its body ends: well, with an error, or dropped.
#[tokio::test(start_paused = true)]
async fn a_streamed_response_ends_the_call_with_its_body() {
    type End = fn(Completion);
    let ends: [(End, &str, &str); 4] = [
        (|body| body.complete(Verdict::success()), "ok", "INFO"),
        (|body| body.complete(Verdict::failure(Kind::Unavailable)), "error", "WARN"),
        (|body| body.abandon(Duration::ZERO), "cancelled", "DEBUG"),
        (drop, "cancelled", "DEBUG"),
    ];
    for (end, outcome, expected) in ends {
        let logs = capture();
        let layer = LogLayer::new("x").classifier(Streams).buffer_debug(1 << 16);
        let service = layer.layer(service_fn(|(): ()| async {
            tracing::debug!("inside");
            Ok::<_, Error>(Completion::new())
        }));
        let context = Context::current().with_request_id(RequestId::parse("req-9").unwrap());
        let body = context.scope(service.oneshot(())).await.unwrap();
        assert!(logs.events("call.ended").is_empty(), "the body has not ended");
        tokio::time::advance(Duration::from_millis(70)).await;
        end(body);
        let line = logs.assert_one("call.ended").field("outcome", outcome).field("request_id", "req-9");
        assert!(line.get("duration_ms").unwrap().parse::<f64>().unwrap() >= 70.0);
        assert_eq!(level(&line), expected);
        assert_eq!(logs.messages("inside").len(), usize::from(outcome != "ok"));
    }
}
