//! The events. Alone in its binary: tests on other threads that capture nothing would decide who listens.

use std::time::Duration;

use buttress_test::{Step, Strict};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use tower::{Layer, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

/// A cut is told once, with name, limit and elapsed time, and nothing else is told.
#[tokio::test(start_paused = true)]
async fn cuts_are_told() {
    let attempt = AttemptTimeoutLayer::new(2 * SECOND).named("payments");
    let deadline = DeadlineLayer::new(3 * SECOND).named("orders");
    let hang = || Strict::new().then(Step::never());
    let logs = buttress_log::test::capture();

    attempt.layer(Strict::new()).oneshot(7).await.unwrap();
    deadline.layer(Strict::new()).oneshot(7).await.unwrap();
    assert_eq!(logs.lines(), []);

    attempt.layer(hang()).oneshot(7).await.unwrap_err();
    let told =
        logs.assert_one("timeout.attempt").field("target", "buttress::timeout").field("level", "DEBUG");
    told.field("layer", "payments").field("limit_ms", 2_000).field("elapsed_ms", 2_000);

    deadline.layer(hang()).oneshot(7).await.unwrap_err();
    let told =
        logs.assert_one("timeout.deadline").field("target", "buttress::timeout").field("level", "DEBUG");
    told.field("layer", "orders").field("limit_ms", 3_000).field("elapsed_ms", 3_000);
    assert_eq!(logs.lines().len(), 2);
}
