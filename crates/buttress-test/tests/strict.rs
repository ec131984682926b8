//! The inner service itself.

use std::future::poll_fn;
use std::time::Duration;

use buttress_error::{Classify, Kind, Rejection, RetrySummary, StopReason};
use buttress_test::{Boom, HOLD, Step, Strict, TestError};
use tokio::time::Instant;
use tower_service::Service;

async fn call(service: &mut Strict) -> Result<u32, TestError> {
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(7).await
}

#[tokio::test(start_paused = true)]
async fn plays_its_script_and_then_echoes() {
    let inner = Strict::new()
        .then(Step::fail(Kind::Unavailable))
        .then(Step::ok().waits(2))
        .then(Step::ok().after(Duration::from_secs(3)));
    let mut service = inner.clone();
    let start = Instant::now();

    assert_eq!(call(&mut service).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(call(&mut service).await.unwrap(), 7);
    assert_eq!(start.elapsed(), 2 * HOLD);
    assert_eq!(call(&mut service).await.unwrap(), 7);
    assert_eq!(start.elapsed(), 2 * HOLD + Duration::from_secs(3));
    assert_eq!(call(&mut service).await.unwrap(), 7);
    assert_eq!((inner.calls(), inner.alive(), inner.reserved()), (4, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn counts_what_is_reserved_and_alive() {
    let inner = Strict::new().then(Step::never());
    let mut service = inner.clone();
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    assert_eq!(inner.reserved(), 1);
    assert_eq!(inner.clone().reserved(), 1, "a clone reserves nothing");
    let future = service.call(7);
    assert_eq!((inner.reserved(), inner.alive()), (0, 1));
    drop(future);
    assert_eq!(inner.alive(), 0);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not made ready")]
async fn one_readiness_is_one_call() {
    let mut service = Strict::new();
    call(&mut service).await.unwrap();
    drop(service.call(7));
}

#[tokio::test(start_paused = true)]
async fn panics_where_it_should() {
    for step in [Step::panic(), Step::panic_in_call()] {
        let mut service = Strict::new().then(step);
        let panic = tokio::spawn(async move { call(&mut service).await }).await.unwrap_err();
        assert!(Boom::is(&*panic.into_panic()));
    }
}

#[test]
fn errors_keep_rejections_and_efforts() {
    let mut error = TestError::from(Kind::Unavailable);
    let mut effort = RetrySummary::new(3, HOLD, StopReason::Attempts);
    effort.exhausted = true;
    error.note_retry_summary(&effort);
    assert_eq!(error.retry_summary(), Some(&effort));
    assert!(error.class().exhausted);

    let error = TestError::from(Rejection::attempt_timeout("a".into(), HOLD, HOLD));
    assert_eq!(error.rejection().unwrap().limit(), Some(HOLD));
    assert_eq!(error.kind(), Kind::Timeout);
}
