//! The conformance kit, and what happens to a call that is cut.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use buttress_context::Context;
use buttress_test::{Step, Strict, TestError, conform};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use tower::{Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// [S1] Cancelled at any poll, nothing is left. [S2] Panics pass. [S3] Readiness and wakers. [S4] Clones, layered again.
#[tokio::test(start_paused = true)]
async fn the_attempt_timeout_conforms() {
    let layer = AttemptTimeoutLayer::new(60 * SECOND);
    conform(|inner| layer.layer(inner)).run().await;
}

/// [S1] Cancelled at any poll, nothing is left. [S2] Panics pass. [S3] Readiness and wakers. [S4] Clones, layered again.
#[tokio::test(start_paused = true)]
async fn the_deadline_conforms() {
    let layer = DeadlineLayer::new(60 * SECOND);
    conform(|inner| layer.layer(inner)).at_rest(no_context).run().await;
}

#[tokio::test(start_paused = true)]
async fn both_conform() {
    let (deadline, attempt) = (DeadlineLayer::new(60 * SECOND), AttemptTimeoutLayer::new(90 * SECOND));
    conform(|inner| deadline.layer(attempt.layer(inner))).at_rest(no_context).run().await;
}

fn no_context() {
    assert!(Context::current().deadline().is_none(), "the context has leaked");
}

/// [S1] What is cut is dropped at once, not only when the caller drops the future.
#[tokio::test(start_paused = true)]
async fn the_cut_call_is_dropped_at_once() {
    let inner = Strict::new().then(Step::never()).then(Step::never());
    let mut attempt = AttemptTimeoutLayer::new(SECOND).layer(inner.clone());
    let mut call = Box::pin(attempt.ready().await.unwrap().call(7));
    assert!(call.as_mut().await.is_err());
    assert_eq!(inner.alive(), 0);

    let mut deadline = DeadlineLayer::new(SECOND).layer(inner.clone());
    let mut call = Box::pin(deadline.ready().await.unwrap().call(7));
    assert!(call.as_mut().await.is_err());
    assert_eq!(inner.alive(), 0);
}

/// What is dropped, by the deadline or by the caller, is dropped in its context.
#[tokio::test(start_paused = true)]
async fn the_call_is_dropped_in_its_context() {
    static DROPPED: AtomicU32 = AtomicU32::new(0);

    struct InContext;
    impl Drop for InContext {
        fn drop(&mut self) {
            assert!(Context::current().deadline().instant().is_some());
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    async fn hang(_: u32) -> Result<u32, TestError> {
        let _guard = InContext;
        std::future::pending().await
    }

    let service = DeadlineLayer::new(SECOND).layer(service_fn(hang));
    assert!(service.clone().oneshot(7).await.is_err());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    assert!(tokio::time::timeout(SECOND / 2, service.oneshot(7)).await.is_err());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2);
    no_context();
}
