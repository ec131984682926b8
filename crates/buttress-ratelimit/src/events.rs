//! The events of a limit (see `docs/events.md`).

use std::time::Duration;

use buttress_error::__private::millis;
use tracing::debug;

const TARGET: &str = "buttress::rate_limit";

/// Without `wait` the call can never be admitted.
#[cold]
pub(crate) fn refused(name: &str, weight: u32, wait: Option<Duration>) {
    debug!(
        target: TARGET,
        event = "rate_limit.refused",
        rate_limit = name,
        weight,
        retry_after_ms = wait.map(millis),
        "rate limit reached"
    );
}

#[cold]
pub(crate) fn drained(name: &str, wait: Duration) {
    debug!(
        target: TARGET,
        event = "rate_limit.drained",
        rate_limit = name,
        wait_ms = millis(wait),
        "rate limit drained"
    );
}
