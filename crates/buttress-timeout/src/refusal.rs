//! The rejection of a call that was cut, and its event.
//!
//! Target `buttress::timeout`, at DEBUG, once for each call that is cut or refused: the error itself is reported where
//! it is handled.
//!
//! | `event` | fields |
//! |---|---|
//! | `timeout.attempt` | `layer`, `limit_ms`, `elapsed_ms` |
//! | `timeout.stalled` | `layer`, `limit_ms`, `elapsed_ms` of the gap in the caller's request body |
//! | `timeout.deadline` | `layer`, `limit_ms`, `elapsed_ms`, `last_kind` and `last_reason` of the last failure |

use std::sync::Arc;
use std::time::Duration;

use buttress_context::Report;
use buttress_error::{Cause, Rejection, StopReason};
use tokio::time::Instant;
use tracing::debug;

use crate::allowance::Allowance;
use crate::name::Name;

/// The attempt took too long.
#[cold]
pub(crate) fn attempt(name: &Name, allowance: &Allowance) -> Rejection {
    let (name, limit, elapsed) = (name.as_arc(), allowance.limit(), allowance.elapsed(Instant::now()));
    debug!(
        target: "buttress::timeout",
        event = "timeout.attempt",
        layer = &**name,
        limit_ms = millis(limit),
        elapsed_ms = millis(elapsed),
        "attempt timed out"
    );
    Rejection::attempt_timeout(Arc::clone(name), limit, elapsed)
}

/// The caller's own request body paused for too long.
#[cold]
pub(crate) fn stalled(name: &Name, allowance: &Allowance) -> Rejection {
    let (name, limit, elapsed) = (name.as_arc(), allowance.limit(), allowance.elapsed(Instant::now()));
    debug!(
        target: "buttress::timeout",
        event = "timeout.stalled",
        layer = &**name,
        limit_ms = millis(limit),
        elapsed_ms = millis(elapsed),
        "request body stalled"
    );
    Rejection::request_stalled(Arc::clone(name), limit, elapsed)
}

/// The whole call took too long; `last` is its last real failure.
#[cold]
pub(crate) fn deadline(name: &Name, allowance: &Allowance, last: Option<Cause>) -> Rejection {
    let (name, limit, elapsed) = (name.as_arc(), allowance.limit(), allowance.elapsed(Instant::now()));
    debug!(
        target: "buttress::timeout",
        event = "timeout.deadline",
        layer = &**name,
        limit_ms = millis(limit),
        elapsed_ms = millis(elapsed),
        last_kind = last.as_ref().map(|cause| cause.kind.as_str()),
        last_reason = last.as_ref().and_then(|cause| cause.reason),
        "deadline exceeded"
    );
    Report::write(|report| report.stopped = Some(StopReason::Deadline));
    Rejection::deadline(Arc::clone(name), limit, elapsed, last)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
