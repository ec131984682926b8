//! The deadline of the context.

mod kit;

use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Delivery, Error, Kind, RetrySummary, StopReason};
use buttress_retry::{Backoff, PolicyBuilder, retry};
use buttress_test::{Step, TestError};
use kit::{MS, call, plain, reported, script};
use tokio::time::{Instant, advance, sleep};

/// A call that fails at every attempt: its error, and how long it took.
async fn fails(policy: PolicyBuilder, timeout: Duration) -> (TestError, Duration) {
    let start = Instant::now();
    let inner = script(vec![Step::fail(Kind::Unavailable); 200]);
    let outcome = reported(Context::default().with_timeout(timeout), call(policy, &inner)).await.0;
    (outcome.expect_err("it fails at every attempt"), start.elapsed())
}

fn attempts(effort: &RetrySummary) -> (u32, StopReason, bool) {
    (effort.attempts, effort.stopped, effort.exhausted)
}

/// [S11] A wait that doesn't fit isn't slept: the last real error comes at once, stamped with the reason.
#[tokio::test(start_paused = true)]
async fn stops_before_the_wait_that_does_not_fit() {
    let (error, took) = fails(plain().max_attempts(10), MS * 250).await;
    assert_eq!(error.kind(), Kind::Unavailable, "never turned into a timeout");
    assert_eq!(attempts(error.retry_summary().unwrap()), (3, StopReason::Deadline, true));
    assert_eq!(took, MS * 200);
}

/// [S11] An attempt that would begin exactly at the deadline is not made.
#[tokio::test(start_paused = true)]
async fn the_deadline_itself_is_too_late() {
    assert_eq!(fails(plain(), MS * 200).await.0.retry_summary().unwrap().attempts, 2);
    assert_eq!(fails(plain(), MS * 201).await.0.retry_summary().unwrap().attempts, 3);
    // The timer counts in milliseconds, and rounds up: a wait of 99.9 ms is over after 100.
    let uneven = || plain().backoff(Backoff::fixed(MS * 999 / 10));
    assert_eq!(fails(uneven(), MS * 200).await.0.retry_summary().unwrap().attempts, 2);
    assert_eq!(fails(uneven(), MS * 201).await.0.retry_summary().unwrap().attempts, 3);
}

/// [S11] The minimum time of an attempt has to fit too.
#[tokio::test(start_paused = true)]
async fn room_for_a_useful_attempt() {
    let policy = || plain().min_attempt_time(MS * 60);
    assert_eq!(fails(policy(), MS * 260).await.0.retry_summary().unwrap().attempts, 2);
    assert_eq!(fails(policy(), MS * 261).await.0.retry_summary().unwrap().attempts, 3);
    let never = plain().min_attempt_time(Duration::MAX);
    assert_eq!(fails(never, MS * 1000).await.0.retry_summary().unwrap().attempts, 1);
}

/// [S11] A deadline that is already past allows the first attempt and no other.
#[tokio::test(start_paused = true)]
async fn already_past() {
    let past = Instant::now();
    advance(Duration::from_secs(10)).await;
    let inner = script([Step::fail(Kind::Timeout)]);
    let cx = Context::default().with_deadline(past);
    let error = reported(cx, call(plain(), &inner)).await.0.unwrap_err();
    assert_eq!((error.kind(), inner.calls()), (Kind::Timeout, 1));
    assert_eq!(error.retry_summary().unwrap().stopped, StopReason::Deadline);
}

/// [S11] Never asleep past a deadline, whatever the backoff.
#[tokio::test(start_paused = true)]
async fn never_asleep_past_it() {
    for millis in (1..2000).step_by(7) {
        let policy = plain().backoff(Backoff::exponential(MS * 10)).max_attempts(u32::MAX);
        let (error, took) = fails(policy, MS * millis).await;
        assert!(took < MS * millis, "{took:?} of {millis} ms");
        assert_eq!(error.retry_summary().unwrap().stopped, StopReason::Deadline);
    }
}

/// [S11] The same for the function.
#[tokio::test(start_paused = true)]
async fn the_function_too() {
    let policy = plain().build().unwrap();
    let cx = Context::default().with_timeout(MS * 150);
    let failing = || async { Err::<(), _>(TestError::from(Kind::Unavailable)) };
    let error = reported(cx, retry(&policy, failing)).await.0.unwrap_err();
    assert_eq!(attempts(error.retry_summary().unwrap()), (2, StopReason::Deadline, true));
}

/// A success after the deadline is a success: only a deadline layer cuts calls.
#[tokio::test(start_paused = true)]
async fn a_late_success_is_a_success() {
    let inner = script([Step::ok().after(MS * 500)]);
    assert!(reported(Context::default().with_timeout(MS), call(plain(), &inner)).await.0.is_ok());
}

/// [S11] An attempt that the deadline cuts ends the call because of the deadline, in every form and with or
/// without attempts left; the exceeded deadline of another call does not.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_cut_stops_for_the_deadline() {
    let cut = |late: u64| async move {
        sleep(MS * u32::try_from(late).unwrap()).await;
        Err::<(), _>(Error::new(Kind::DeadlineExceeded, "cut"))
    };
    for (attempts, late, stopped) in
        [(3, 500, StopReason::Deadline), (1, 500, StopReason::Deadline), (3, 100, StopReason::NotRetryable)]
    {
        let policy = plain().max_attempts(attempts).build().unwrap();
        let cx = Context::default().with_timeout(MS * 500);
        let (outcome, report) = reported(cx.clone(), retry(&policy, || cut(late))).await;
        assert_eq!(report.stopped, Some(stopped), "{attempts} {late}");
        let effort = outcome.unwrap_err().retry_summary().cloned();
        assert_eq!(effort.map(|effort| effort.stopped), (stopped == StopReason::Deadline).then_some(stopped));
    }
    let policy = plain().build().unwrap();
    let first = std::cell::Cell::new(true);
    let later = || async {
        if first.replace(false) { Err(Error::new(Kind::Unavailable, "reset")) } else { cut(400).await }
    };
    let cx = Context::default().with_timeout(MS * 500);
    let error = reported(cx, retry(&policy, later)).await.0.unwrap_err();
    let effort = error.retry_summary().unwrap();
    assert_eq!(
        (error.kind(), effort.attempts, effort.stopped),
        (Kind::DeadlineExceeded, 2, StopReason::Deadline)
    );
    assert_eq!(error.class().delivery, Delivery::Unknown);
}
