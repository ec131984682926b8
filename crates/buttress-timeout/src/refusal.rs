//! The rejections of a call that was cut, each with its event (see `docs/events.md`).
//!
//! An event is at DEBUG level, since the error itself is reported where it is handled.

use std::sync::Arc;

use buttress_context::Report;
use buttress_error::__private::millis;
use buttress_error::{Cause, Rejection, StopReason};
use tokio::time::Instant;
use tracing::debug;

use crate::allowance::Allowance;
use crate::name::Name;

/// The limit of the attempt has passed.
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

/// The caller paused its request body for too long.
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

/// The deadline of the call has passed; `last` is its last real failure.
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
