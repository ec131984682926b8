//! What the two layers promise, in paused time.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::task::Poll;
use std::time::Duration;

use buttress_context::{CallerClock, Context, LastPoll, Report};
use buttress_error::{Cause, Class, Error, Kind, Rejection, RejectionReason, StopReason};
use buttress_test::{Step, Strict, TestError};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use tokio::time::{Instant, advance, sleep, timeout};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn attempt(limit: Duration) -> AttemptTimeoutLayer {
    AttemptTimeoutLayer::new(limit).named("payments")
}

fn deadline(limit: Duration) -> DeadlineLayer {
    DeadlineLayer::new(limit).named("orders")
}

fn hang() -> Strict {
    Strict::new().then(Step::never())
}

async fn rejected<S>(service: S) -> Rejection
where
    S: Service<u32, Response = u32, Error = TestError>,
{
    let error = service.oneshot(7).await.expect_err("it was not cut");
    error.rejection().unwrap_or_else(|| panic!("no rejection: {error}")).clone()
}

/// [S28] The error of an attempt timeout says that it is one, the limit, the elapsed time and the name.
/// [S7] A rejection carries the layer's name and its numbers.
#[tokio::test(start_paused = true)]
async fn an_attempt_timeout_says_what_it_is() {
    let start = Instant::now();
    let rejection = rejected(attempt(2 * SECOND).layer(hang())).await;
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert_eq!(rejection.reason(), RejectionReason::AttemptTimeout);
    assert_eq!(Class::from(&rejection).kind, Kind::Timeout);
    assert_eq!(rejection.layer(), "payments");
    assert_eq!(rejection.limit(), Some(2 * SECOND));
    assert_eq!(rejection.elapsed(), 2 * SECOND);
}

/// [S28] The error of a deadline says that it is one, the limit, the elapsed time and the name.
#[tokio::test(start_paused = true)]
async fn a_deadline_says_what_it_is() {
    let start = Instant::now();
    let rejection = rejected(deadline(3 * SECOND).layer(hang())).await;
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!(rejection.reason(), RejectionReason::Deadline);
    assert_eq!(Class::from(&rejection).kind, Kind::DeadlineExceeded);
    assert_eq!(rejection.layer(), "orders");
    assert_eq!(rejection.limit(), Some(3 * SECOND));
    assert_eq!(rejection.elapsed(), 3 * SECOND);
    assert!(rejection.cause().is_none());
}

#[tokio::test(start_paused = true)]
async fn layers_have_names_by_default() {
    assert_eq!(rejected(AttemptTimeoutLayer::new(SECOND).layer(hang())).await.layer(), "attempt timeout");
    assert_eq!(rejected(DeadlineLayer::new(SECOND).layer(hang())).await.layer(), "deadline");
}

/// [S28] A result that is ready at the limit wins over the timer.
#[tokio::test(start_paused = true)]
async fn a_result_at_the_limit_wins() {
    for late in [Duration::ZERO, Duration::from_millis(1)] {
        let inner = || Strict::new().then(Step::ok().after(2 * SECOND + late));
        let by_attempt = attempt(2 * SECOND).layer(inner()).oneshot(7).await;
        let by_deadline = deadline(2 * SECOND).layer(inner()).oneshot(7).await;
        assert_eq!(by_attempt.is_ok(), late.is_zero(), "{by_attempt:?}");
        assert_eq!(by_deadline.is_ok(), late.is_zero(), "{by_deadline:?}");
    }
}

/// [S28] A result that is ready when the task is polled long after the limit wins as well.
#[tokio::test(start_paused = true)]
async fn a_result_wins_however_late_the_poll() {
    let stack = (deadline(4 * SECOND), attempt(2 * SECOND));
    let service = stack.0.layer(stack.1.layer(Strict::new().then(Step::ok().after(SECOND))));
    let mut call = std::pin::pin!(service.oneshot(7));
    assert!(timeout(Duration::ZERO, call.as_mut()).await.is_err(), "pending, all timers set");
    advance(60 * SECOND).await;
    assert_eq!(call.await.unwrap(), 7);
}

/// [S28] The deadline is put into the context, and inherited by all that is called inside, in `call` and in polls.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_in_the_context() {
    async fn remaining() -> Result<Option<Duration>, TestError> {
        sleep(SECOND).await;
        Ok(Context::current().deadline().remaining())
    }
    let inner = service_fn(|_: u32| {
        assert_eq!(Context::current().deadline().remaining(), Some(5 * SECOND));
        remaining()
    });
    let left = deadline(5 * SECOND).layer(inner).oneshot(7).await.unwrap();
    assert_eq!(left, Some(4 * SECOND));
    assert!(Context::current().deadline().is_none());
}

/// [S28] A deadline is only ever shortened.
#[tokio::test(start_paused = true)]
async fn a_deadline_is_only_shortened() {
    async fn left(layer: DeadlineLayer) -> Option<Duration> {
        async fn read(_: u32) -> Result<Option<Duration>, TestError> {
            Ok(Context::current().deadline().remaining())
        }
        let outer = Context::current().with_timeout(3 * SECOND);
        outer.scope(layer.layer(service_fn(read)).oneshot(7)).await.unwrap()
    }
    assert_eq!(left(deadline(5 * SECOND)).await, Some(3 * SECOND));
    assert_eq!(left(deadline(2 * SECOND)).await, Some(2 * SECOND));
    assert_eq!(left(deadline(Duration::MAX)).await, Some(3 * SECOND));
}

/// [S28] The attempt timeout is at most what the deadline leaves; cut by the deadline it says so.
#[tokio::test(start_paused = true)]
async fn an_attempt_gets_what_the_deadline_leaves() {
    let context = Context::current().with_timeout(5 * SECOND);
    sleep(4 * SECOND).await;
    let start = Instant::now();
    let rejection = context.scope(rejected(attempt(2 * SECOND).layer(hang()))).await;
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!((rejection.reason(), rejection.layer()), (RejectionReason::Deadline, "payments"));
    assert_eq!((rejection.limit(), rejection.elapsed()), (Some(5 * SECOND), 5 * SECOND));
}

/// [S28] An attempt whose own limit is the nearer one is an attempt timeout, deadline or not.
#[tokio::test(start_paused = true)]
async fn an_attempt_within_the_deadline_keeps_its_limit() {
    let rejection = rejected(deadline(5 * SECOND).layer(attempt(2 * SECOND).layer(hang()))).await;
    assert_eq!((rejection.reason(), rejection.limit()), (RejectionReason::AttemptTimeout, Some(2 * SECOND)));
}

/// [S28] Where the deadline cuts an attempt, the layer that set the deadline reports it: the limit and the elapsed time
/// are those of the call.
#[tokio::test(start_paused = true)]
async fn the_owner_of_the_deadline_reports_it() {
    let inner = deadline(60 * SECOND).named("inner").layer(attempt(10 * SECOND).layer(hang()));
    let waiting = service_fn(move |request| {
        let inner = inner.clone();
        async move {
            sleep(2 * SECOND).await;
            inner.oneshot(request).await
        }
    });
    let rejection = rejected(deadline(5 * SECOND).layer(waiting)).await;
    assert_eq!((rejection.reason(), rejection.layer()), (RejectionReason::Deadline, "orders"));
    assert_eq!((rejection.limit(), rejection.elapsed()), (Some(5 * SECOND), 5 * SECOND));
}

/// [S28] A call that comes after its deadline is refused at once, and the inner service is not called.
#[tokio::test(start_paused = true)]
async fn too_late_is_not_called() {
    let context = Context::current().with_timeout(SECOND);
    advance(SECOND).await;
    let start = Instant::now();
    let inner = Strict::new();
    let by_attempt = context.clone().scope(rejected(attempt(SECOND).layer(inner.clone()))).await;
    let by_deadline = context.scope(rejected(deadline(SECOND).layer(inner.clone()))).await;
    for rejection in [by_attempt, by_deadline] {
        assert_eq!(rejection.reason(), RejectionReason::Deadline);
        assert_eq!((rejection.limit(), rejection.elapsed()), (Some(SECOND), SECOND));
    }
    assert_eq!((inner.calls(), inner.reserved(), start.elapsed()), (0, 0, Duration::ZERO));
}

/// [S7] The rejection of a deadline has the last real failure: kind and reason, and the error itself as source.
#[tokio::test(start_paused = true)]
async fn a_deadline_knows_the_last_failure() {
    async fn fail_and_wait(_: u32) -> Result<u32, TestError> {
        for reason in ["FIRST", "LAST"] {
            let error = Error::new(Kind::Unavailable, "connection refused").reason(reason);
            let cause = Cause::new(error.class(), Some(error.clone()));
            // In a scope of its own, as below another layer: what it reports arrives when it is dropped.
            let report = async { Report::write(|report| report.last = Some(cause)) };
            Context::current().scope(report).await;
        }
        Context::current()
            .scope(async {
                Report::write(|report| report.attempts = 2);
                std::future::pending().await
            })
            .await
    }
    let outer = Context::current().scope(async {
        let rejection = rejected(deadline(SECOND).layer(service_fn(fail_and_wait))).await;
        let mut reported = Report::default();
        Report::write(|report| reported = report.clone());
        (rejection, reported)
    });
    let (rejection, reported) = outer.await;
    let cause = rejection.cause().expect("there was a failure");
    assert_eq!((cause.kind, cause.reason), (Kind::Unavailable, Some("LAST")));
    assert_eq!(std::error::Error::source(&rejection).unwrap().to_string(), "connection refused");
    // And it goes on to whoever is further out.
    assert_eq!((reported.attempts, reported.last.unwrap().reason), (2, Some("LAST")));
}

/// The limit of an attempt counts from its first poll.
#[tokio::test(start_paused = true)]
async fn an_attempt_begins_with_its_first_poll() {
    let mut service = attempt(2 * SECOND).layer(hang());
    let call = service.ready().await.unwrap().call(7);
    advance(10 * SECOND).await;
    let start = Instant::now();
    assert!(call.await.is_err());
    assert_eq!(start.elapsed(), 2 * SECOND);
}

/// The limit of a deadline counts from the call.
#[tokio::test(start_paused = true)]
async fn a_deadline_begins_with_the_call() {
    let mut service = deadline(20 * SECOND).layer(hang());
    let call = service.ready().await.unwrap().call(7);
    advance(15 * SECOND).await;
    let start = Instant::now();
    assert!(call.await.is_err());
    assert_eq!(start.elapsed(), 5 * SECOND);
}

/// An answer that is ready at once needs no timer: outside of a runtime, where none can be made, it passes.
#[test]
fn a_ready_answer_makes_no_timer() {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut service = deadline(SECOND).layer(attempt(SECOND).layer(Strict::new()));
    assert!(service.poll_ready(&mut cx).is_ready());
    let call = std::pin::pin!(service.call(7));
    assert!(matches!(call.poll(&mut cx), Poll::Ready(Ok(7))));
}

/// What needs no timer needs no runtime either: no limit, no time at all, and a call that comes after its deadline.
#[test]
fn where_no_timer_is_needed_none_is_made() {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut ended = |limit, context: Context| {
        let mut call = std::pin::pin!(context.scope(attempt(limit).layer(hang()).oneshot(7)));
        // Twice: a deadline yields once.
        (0..2).find_map(|_| match call.as_mut().poll(&mut cx) {
            Poll::Ready(result) => Some(result.unwrap_err().rejection().unwrap().reason()),
            Poll::Pending => None,
        })
    };
    assert_eq!(ended(Duration::MAX, Context::default()), None);
    assert_eq!(ended(Duration::ZERO, Context::default()), Some(RejectionReason::AttemptTimeout));
    assert_eq!(
        ended(SECOND, Context::default().with_deadline(Instant::now())),
        Some(RejectionReason::Deadline)
    );
}

/// [S28] An attempt without a limit of its own ends with the deadline.
#[tokio::test(start_paused = true)]
async fn no_limit_is_what_the_deadline_leaves() {
    let start = Instant::now();
    let context = Context::current().with_timeout(3 * SECOND);
    let rejection = context.scope(rejected(attempt(Duration::MAX).layer(hang()))).await;
    assert_eq!((rejection.reason(), start.elapsed()), (RejectionReason::Deadline, 3 * SECOND));
}

/// [S5] The longest durations mean never; nothing overflows.
#[tokio::test(start_paused = true)]
async fn the_longest_limits_are_none() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    for limit in [Duration::MAX, Duration::from_secs(u64::MAX), 1_000 * YEAR] {
        let stack = ServiceBuilder::new().layer(deadline(limit)).layer(attempt(limit));
        let service = stack.service(Strict::new().then(Step::ok().after(YEAR)));
        assert_eq!(service.oneshot(7).await.unwrap(), 7);
    }
}

/// [S8] A limit of zero, as it may stand in a file, is refused with the name and the range of the setting.
#[test]
fn zero_is_refused_where_settings_are_checked() {
    let attempt = AttemptTimeoutLayer::try_new(Duration::ZERO).unwrap_err();
    let deadline = DeadlineLayer::try_new(Duration::ZERO).unwrap_err();
    for error in [attempt, deadline] {
        assert_eq!((error.setting(), error.range()), ("limit", "longer than zero"));
        assert_eq!(error.to_string(), "invalid limit: must be longer than zero, got 0ns");
    }
    assert_eq!(AttemptTimeoutLayer::try_new(SECOND).unwrap().limit(), SECOND);
    assert_eq!(DeadlineLayer::try_new(SECOND).unwrap().limit(), SECOND);
}

/// A limit of zero, given to `new`, is taken at its word.
#[tokio::test(start_paused = true)]
async fn zero_is_zero() {
    assert_eq!(attempt(Duration::ZERO).layer(Strict::new()).oneshot(7).await.unwrap(), 7);
    assert_eq!(
        rejected(attempt(Duration::ZERO).layer(hang())).await.reason(),
        RejectionReason::AttemptTimeout
    );
    let inner = Strict::new();
    assert_eq!(
        rejected(deadline(Duration::ZERO).layer(inner.clone())).await.reason(),
        RejectionReason::Deadline
    );
    assert_eq!(inner.calls(), 0);
}

/// Work that uses up tokio's budget at each poll must not starve the timer.
#[tokio::test(start_paused = true)]
async fn busy_work_does_not_starve_the_timer() {
    async fn spin(_: u32) -> Result<u32, TestError> {
        loop {
            tokio::task::coop::consume_budget().await;
        }
    }
    for busy in [
        tokio::spawn(rejected(attempt(SECOND).layer(service_fn(spin)))),
        tokio::spawn(rejected(deadline(SECOND).layer(service_fn(spin)))),
    ] {
        tokio::task::yield_now().await;
        advance(2 * SECOND).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(busy.is_finished());
    }
}

/// Issue E 37. [S28] A call that its caller's deadline cuts reports the time that the caller gave and the time since then,
/// and the report says why it stopped: by a deadline layer with a longer limit, an attempt timeout, both, and where the
/// deadline has passed before the call came.
#[tokio::test(start_paused = true)]
async fn a_callers_deadline_is_reported_as_given() {
    let by_deadline = || deadline(30 * SECOND).layer(hang());
    let by_attempt = || attempt(30 * SECOND).layer(hang());
    let by_both = || deadline(30 * SECOND).layer(attempt(20 * SECOND).layer(hang()));
    for late in [Duration::ZERO, 4 * SECOND, 6 * SECOND] {
        for form in 0..3 {
            let cx = Context::default().with_timeout(5 * SECOND);
            let begin = Instant::now();
            let call = async {
                sleep(late).await;
                match form {
                    0 => rejected(by_deadline()).await,
                    1 => rejected(by_attempt()).await,
                    _ => rejected(by_both()).await,
                }
            };
            let (rejection, report) = Report::of(cx.scope(call)).await;
            let elapsed = begin.elapsed();
            assert!((5 * SECOND..=5 * SECOND + late).contains(&elapsed));
            assert_eq!(
                (rejection.reason(), rejection.limit()),
                (RejectionReason::Deadline, Some(5 * SECOND)),
                "{form} {late:?}"
            );
            assert_eq!(rejection.elapsed(), elapsed);
            // Of two layers the outer one, which knows the last failure of the call.
            assert_eq!(rejection.layer(), if form == 1 { "payments" } else { "orders" });
            assert_eq!(report.stopped, Some(StopReason::Deadline));
        }
    }
}

/// Issue E 37. [S28] The nearer one of two deadlines is reported, with the time that its own owner gave.
#[tokio::test(start_paused = true)]
async fn of_two_deadlines_the_nearer_one_is_reported() {
    let inner = async || {
        sleep(SECOND).await;
        Context::current()
            .with_timeout(2 * SECOND)
            .scope(async { rejected(attempt(9 * SECOND).layer(hang())).await })
            .await
    };
    let near = Context::default().with_timeout(2500 * SECOND / 1000).scope(inner()).await;
    assert_eq!(near.limit(), Some(2500 * SECOND / 1000));
    let far = Context::default().with_timeout(10 * SECOND).scope(inner()).await;
    assert_eq!((far.limit(), far.elapsed()), (Some(2 * SECOND), 2 * SECOND));
    let layer = deadline(30 * SECOND)
        .layer(service_fn(|_: u32| async move { Err::<u32, _>(TestError::from(inner().await)) }));
    assert_eq!(rejected(layer).await.limit(), Some(2 * SECOND));
    let start = Instant::now();
    let given = Context::default().with_deadline_from(start, start + 4 * SECOND);
    advance(SECOND).await;
    assert_eq!(given.deadline().start(), Some(start));
    let later = given.scope(async { rejected(deadline(9 * SECOND).layer(hang())).await }).await;
    assert_eq!((later.limit(), later.elapsed()), (Some(4 * SECOND), 4 * SECOND));
}

/// Answers after so many seconds, or as soon as it is polled for the last time.
async fn ends_at_the_last_poll(seconds: u64) -> Result<u32, Error> {
    let mut sleep = std::pin::pin!(sleep(Duration::from_secs(seconds)));
    std::future::poll_fn(|cx| if LastPoll::is_current() { Poll::Ready(()) } else { sleep.as_mut().poll(cx) })
        .await;
    Ok(7)
}

/// [S28] Before a timeout cuts its work, it polls it for the last time, and says so: what has its result then is not lost.
#[tokio::test(start_paused = true)]
async fn the_last_poll_may_end_the_work() {
    let service = || service_fn(|_: u32| ends_at_the_last_poll(60));
    let start = Instant::now();
    assert_eq!(attempt(2 * SECOND).layer(service()).oneshot(1).await.unwrap(), 7);
    assert_eq!(start.elapsed(), 2 * SECOND, "not before");
    assert_eq!(deadline(3 * SECOND).layer(service()).oneshot(1).await.unwrap(), 7);
    assert_eq!(start.elapsed(), 5 * SECOND);
    assert!(!LastPoll::is_current());
}

/// A call whose caller sends its body in these seconds, and which is answered `answer` seconds after that.
async fn upload(sends: u64, answer: u64) -> Result<u32, Error> {
    let clock = CallerClock::new();
    let mut sent = std::pin::pin!(sleep(Duration::from_secs(sends)));
    let mut answered = None;
    std::future::poll_fn(|cx| {
        if answered.is_none() {
            if clock.poll(cx, |cx| sent.as_mut().poll(cx)).is_pending() {
                clock.publish();
                return Poll::Pending;
            }
            clock.sent();
        }
        clock.publish();
        answered.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(answer)))).as_mut().poll(cx)
    })
    .await;
    Ok(7)
}

/// [S28] The attempt timeout does not count the time in which the call waits for its caller, which has ten times the limit;
/// the time for the answer begins when the request is out.
#[tokio::test(start_paused = true)]
async fn the_attempt_timeout_does_not_count_the_caller() {
    let call = |sends, answer| {
        let service = service_fn(move |_: u32| upload(sends, answer));
        async move {
            let start = Instant::now();
            let outcome = attempt(2 * SECOND).layer(service).oneshot(1).await;
            let why = outcome.err().map(|error| {
                let rejection = error.find::<Rejection>().unwrap();
                (rejection.reason(), rejection.limit().unwrap().as_secs(), rejection.elapsed().as_secs())
            });
            (start.elapsed().as_secs(), why)
        }
    };
    assert_eq!(call(19, 1).await, (20, None));
    assert_eq!(call(1, 1).await, (2, None), "what is ready at the limit wins");
    assert_eq!(call(5, 3).await, (7, Some((RejectionReason::AttemptTimeout, 2, 2))));
    assert_eq!(call(1, 5).await, (3, Some((RejectionReason::AttemptTimeout, 2, 2))));
    assert_eq!(call(60, 0).await, (20, Some((RejectionReason::RequestStalled, 20, 20))));
}

/// [S28] The deadline counts all time, that of the caller too.
#[tokio::test(start_paused = true)]
async fn the_deadline_counts_the_caller() {
    let service = service_fn(|_: u32| upload(60, 0));
    let start = Instant::now();
    let error = deadline(5 * SECOND).layer(attempt(2 * SECOND).layer(service)).oneshot(1).await.unwrap_err();
    let rejection = error.find::<Rejection>().unwrap();
    assert_eq!(
        (rejection.reason(), rejection.layer(), rejection.limit()),
        (RejectionReason::Deadline, "orders", Some(5 * SECOND))
    );
    assert_eq!(start.elapsed(), 5 * SECOND);

    // Without a layer for it, the attempt timeout keeps to it.
    let service = service_fn(|_: u32| upload(60, 0));
    let call = attempt(2 * SECOND).layer(service).oneshot(1);
    let error = Context::default().with_timeout(5 * SECOND).scope(call).await.unwrap_err();
    let rejection = error.find::<Rejection>().unwrap();
    assert_eq!(
        (rejection.reason(), rejection.limit(), rejection.elapsed()),
        (RejectionReason::Deadline, Some(5 * SECOND), 5 * SECOND)
    );
}
