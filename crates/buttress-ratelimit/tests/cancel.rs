//! The conformance kit, with the limit far away and with every call waiting.

use std::time::Duration;

use buttress_ratelimit::{Rate, RateLimit, RateLimitLayer};
use buttress_test::conform;
use tower::Layer;

/// [S1] Cancelled at any poll, nothing is left. [S2] Panics pass. [S3] Readiness and wakers. [S4] Clones, layered again.
#[tokio::test(start_paused = true)]
async fn the_layer_conforms() {
    let layer = RateLimitLayer::per_second(1_000);
    conform(|inner| layer.layer(inner)).run().await;
}

/// [S1] The same if answers may drain the limit.
#[tokio::test(start_paused = true)]
async fn the_layer_conforms_while_it_reads_answers() {
    let layer = RateLimitLayer::per_second(1_000).drain_on_throttle(Duration::from_secs(1));
    conform(|inner| layer.layer(inner)).run().await;
}

/// [S1] Permits of cancelled waiters come back: a hundred of them leave the next call's wait as it was.
#[tokio::test(start_paused = true)]
async fn cancelled_waiters_leave_no_trace() {
    let limit = RateLimit::new("search", Rate::per_second(10).burst(1)).unwrap();
    limit.try_acquire(1).unwrap();
    for _ in 0..100 {
        let wait = limit.acquire(1);
        assert!(tokio::time::timeout(Duration::ZERO, wait).await.is_err());
    }
    assert_eq!(limit.reserve(1, Duration::MAX).unwrap().wait(), Duration::from_millis(100));
}
