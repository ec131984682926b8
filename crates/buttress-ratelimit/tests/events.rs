//! The events, as `docs/events.md` lists them.

use std::time::Duration;

use buttress_ratelimit::{Rate, RateLimit};

#[tokio::test(start_paused = true)]
async fn a_refusal_and_a_drain_are_logged() {
    let logs = buttress_log::test::capture();
    let limit = RateLimit::new("search", Rate::per_second(10).burst(1)).unwrap();
    limit.try_acquire(1).unwrap();
    limit.try_acquire(1).unwrap_err();
    logs.assert_one("rate_limit.refused")
        .field("rate_limit", "search")
        .field("weight", 1)
        .field("retry_after_ms", 100);
    limit.drain(Duration::from_secs(2));
    logs.assert_one("rate_limit.drained").field("rate_limit", "search").field("wait_ms", 2_000);
}
