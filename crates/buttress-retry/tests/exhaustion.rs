//! Exhausted calls: their error and their report.

mod kit;

use buttress_context::Context;
use buttress_error::{Error, Kind, RetrySummary, StopReason, Verdict};
use buttress_retry::{Backoff, RetryLayer, retry};
use buttress_test::{Step, TestError};
use kit::{MS, call, plain, reported, script};
use tower::{Layer, ServiceExt, service_fn};

fn three() -> [Step; 3] {
    [Step::fail(Kind::Unavailable), Step::fail(Kind::Throttled).waits(1), Step::fail(Kind::Timeout)]
}

/// [S16] The last real error, with its kind, and the attempts, the time, the reason and the history of all of them.
#[tokio::test(start_paused = true)]
async fn the_last_real_error() {
    let budget = buttress_retry::Budget::default();
    let policy = plain().throttled_backoff(Backoff::fixed(MS * 300)).budget(budget);
    let error = call(policy, &script(three())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    let effort = error.retry_summary().unwrap();
    assert_eq!((effort.attempts, effort.stopped, effort.exhausted), (3, StopReason::Attempts, true));
    assert_eq!(effort.elapsed, MS * (100 + 100 + 300));
    let history: Vec<_> = effort.history.iter().map(|attempt| (attempt.kind, attempt.delay)).collect();
    let expected = [(Kind::Unavailable, 100), (Kind::Throttled, 300), (Kind::Timeout, 0)];
    assert_eq!(history, expected.map(|(kind, wait)| (kind, MS * wait)));
}

/// [S16] The last real response, where responses are judged.
#[tokio::test(start_paused = true)]
async fn the_last_real_response() {
    let statuses = std::sync::Mutex::new(vec![503, 502, 501]);
    let service = service_fn(|_: u32| {
        let status = statuses.lock().unwrap().pop().unwrap();
        async move { Ok::<u16, TestError>(status) }
    });
    let layer = RetryLayer::new(plain().build().unwrap()).assume_idempotent().classify_with(
        |outcome: &Result<u16, TestError>| match outcome {
            Ok(500..) => Verdict::failure(Kind::Unavailable),
            Ok(_) => Verdict::success(),
            Err(error) => Verdict::failure(error),
        },
    );
    let (outcome, report) = reported(Context::default(), layer.layer(service).oneshot(7)).await;
    assert_eq!(outcome.unwrap(), 503);
    assert_eq!((report.attempts, report.stopped), (3, Some(StopReason::Attempts)));
}

/// [S16] The history is bounded: of many attempts the latest stay.
#[tokio::test(start_paused = true)]
async fn the_history_is_bounded() {
    let backoff = Backoff::iterator(|| (1..).map(|wait| MS * wait));
    let inner = script(vec![Step::fail(Kind::Unavailable); 40]);
    let error = call(plain().backoff(backoff).max_attempts(40), &inner).await.unwrap_err();
    let effort = error.retry_summary().unwrap();
    assert_eq!((effort.attempts, effort.history.len()), (40, RetrySummary::HISTORY));
    let waits: Vec<_> = effort.history.iter().map(|attempt| attempt.delay.as_millis()).collect();
    assert_eq!(waits, [25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 0]);
}

/// [S16] An iterator's end is the end of the attempts.
#[tokio::test(start_paused = true)]
async fn the_end_of_an_iterator() {
    let backoff = Backoff::iterator(|| [MS].into_iter());
    let inner = script(vec![Step::fail(Kind::Unavailable); 9]);
    let error = call(plain().backoff(backoff).max_attempts(9), &inner).await.unwrap_err();
    let effort = error.retry_summary().unwrap();
    assert_eq!((effort.attempts, effort.stopped, effort.exhausted), (2, StopReason::Attempts, true));
}

/// [S16] The report: after a success with retries, after a failure, and while it waits or runs when dropped.
#[tokio::test(start_paused = true)]
async fn the_report() {
    let cx = Context::default;
    let report = reported(cx(), call(plain(), &script(three()[..2].to_vec()))).await.1;
    assert_eq!((report.attempts, report.delay, report.stopped), (3, MS * 200, Some(StopReason::Success)));
    assert_eq!(report.last.unwrap().kind, Kind::Throttled, "the last real failure");

    let report = reported(cx(), call(plain(), &script([Step::fail(Kind::NotFound)]))).await.1;
    assert_eq!((report.attempts, report.stopped), (1, Some(StopReason::NotRetryable)));

    for (cut, attempts, delay) in [(50, 1, 100), (150, 2, 100), (250, 2, 200)] {
        let inner =
            script([Step::fail(Kind::Timeout), Step::fail(Kind::Throttled).after(MS * 100), Step::ok()]);
        let cut = tokio::time::timeout(MS * cut, call(plain(), &inner));
        let (outcome, report) = reported(cx(), cut).await;
        assert!(outcome.is_err());
        assert_eq!((report.attempts, report.delay, report.stopped), (attempts, MS * delay, None));
        assert!(report.last.is_some());
    }

    let report = reported(cx(), call(plain(), &script([]))).await.1;
    assert_eq!((report.attempts, report.last.is_none()), (0, true), "nothing to say of a plain success");
}

/// [S16] After an inner retry has recovered, the report of a later failure is the one of the outer call.
#[tokio::test(start_paused = true)]
async fn the_report_of_the_one_that_ends() {
    let policy = plain().build().unwrap();
    let twice = || async {
        let first = std::cell::Cell::new(true);
        let recovers =
            || async { if first.replace(false) { Err(TestError::from(Kind::Unavailable)) } else { Ok(()) } };
        retry(&policy, recovers).await?;
        Err::<(), _>(TestError::from(Kind::NotFound))
    };
    let report = reported(Context::default(), retry(&policy, twice)).await.1;
    assert_eq!((report.attempts, report.stopped), (1, Some(StopReason::NotRetryable)));
    assert_eq!(report.last.unwrap().kind, Kind::NotFound);
}

/// [S16] The copy of the error in the report is stamped too.
#[tokio::test(start_paused = true)]
async fn the_error_in_the_report() {
    let policy = plain().build().unwrap();
    let fail = || async { Err::<(), _>(Error::new(Kind::Timeout, "slow")) };
    let (outcome, report) = reported(Context::default(), retry(&policy, fail)).await;
    let (error, kept) = (outcome.unwrap_err(), report.last.unwrap().error.unwrap());
    assert_eq!((error.retry_summary(), error.to_string()), (kept.retry_summary(), kept.to_string()));
    assert_eq!(error.retry_summary().unwrap().attempts, 3);
}

/// Without a ratio budget no clock is read before the first failure: the time counts from there, as documented.
#[tokio::test(start_paused = true)]
async fn elapsed_without_a_clock() {
    let slow = || script(vec![Step::fail(Kind::Timeout).after(MS * 1000); 2]);
    let elapsed = |error: TestError| error.retry_summary().unwrap().elapsed;
    let policy = || plain().max_attempts(2);
    assert_eq!(elapsed(call(policy(), &slow()).await.unwrap_err()), MS * 1100);
    let ratio = policy().budget(buttress_retry::Budget::default());
    assert_eq!(elapsed(call(ratio, &slow()).await.unwrap_err()), MS * 2100);
}
