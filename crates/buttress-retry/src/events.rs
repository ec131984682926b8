//! The events of this crate, target `buttress::retry`: part of its public API.
//!
//! | `event` | level | fields |
//! |---|---|---|
//! | `retry.scheduled` | DEBUG | `attempt` (that failed), `delay_ms`, `kind`, `reason` |
//! | `retry.recovered` | DEBUG | `attempts`, `delay_ms` (in all) |
//! | `retry.stopped` | WARN where retries could not help, else DEBUG | `attempts`, `delay_ms` (in all), `elapsed_ms`, `stopped`, `kind`, `reason`, `history` |
//! | `retry.idempotency_unknown` | WARN, once for each layer | `kind`, `reason` of the failure that was not retried |
//! | `retry.budget_of_one_call` | WARN, once in a program | `budgets` |
//! | `retry.remedied` | DEBUG | `attempt` (that failed), `remedy`, `kind`, `reason` |
//! | `remedy.succeeded` | INFO | `remedy`, `duration_ms`, `kind` and `reason` of the failure that it was run for |
//! | `remedy.failed` | WARN | the same, and `error` |
//! | `remedy.refused` | DEBUG | `remedy`, `kind`, `reason` |
//!
//! Those of a retry also have `retry`, the name of the layer or policy, where it has one.
//!
//! `history` is the kind of each failed attempt and the wait after it, the last 16 at most:
//! `unavailable 52ms, timeout 110ms, unavailable`. `elapsed_ms` is that of [`RetrySummary`].

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use buttress_error::__private::millis;
use buttress_error::{Class, Error, FailedAttempt, Kind, RetrySummary};
use tracing::{debug, info, warn};

pub(crate) fn scheduled(retry: Option<&str>, attempt: u32, wait: Duration, class: &Class) {
    debug!(
        target: "buttress::retry",
        event = "retry.scheduled",
        retry,
        attempt,
        delay_ms = millis(wait),
        kind = class.kind.as_str(),
        reason = class.reason,
        "attempt failed, trying again"
    );
}

pub(crate) fn recovered(retry: Option<&str>, attempts: u32, slept: Duration) {
    debug!(
        target: "buttress::retry",
        event = "retry.recovered",
        retry,
        attempts,
        delay_ms = millis(slept),
        "succeeded after retries"
    );
}

pub(crate) fn stopped(retry: Option<&str>, effort: &RetrySummary, slept: Duration, class: &Class) {
    macro_rules! emit {
        ($level:ident, $message:literal) => {
            $level!(
                target: "buttress::retry",
                event = "retry.stopped",
                retry,
                attempts = effort.attempts,
                delay_ms = millis(slept),
                elapsed_ms = millis(effort.elapsed),
                stopped = effort.stopped.as_str(),
                kind = class.kind.as_str(),
                reason = class.reason,
                history = %History { tries: &effort.history, only: class.kind },
                $message
            )
        };
    }
    if effort.exhausted {
        emit!(warn, "gave up");
    } else {
        emit!(debug, "not repeated");
    }
}

pub(crate) fn idempotency_unknown(retry: Option<&str>, class: &Class) {
    warn!(
        target: "buttress::retry",
        event = "retry.idempotency_unknown",
        retry,
        kind = class.kind.as_str(),
        reason = class.reason,
        "transient failure not retried: the request type does not say whether it is idempotent; implement \
         `Replay::idempotent`, set `RetryLayer::assume_idempotent`, or enter `Context::with_idempotent(true)`"
    );
}

pub(crate) fn budget_of_one_call(budgets: u32) {
    warn!(
        target: "buttress::retry",
        event = "retry.budget_of_one_call",
        budgets,
        "retry budgets dropped after one call each: a policy that is built for each call bounds nothing; build the \
         `Policy`, the `RetryLayer` or the client once, when the program starts"
    );
}

pub(crate) fn remedied(retry: Option<&str>, attempt: u32, remedy: &str, class: &Class) {
    debug!(
        target: "buttress::retry",
        event = "retry.remedied",
        retry,
        attempt,
        remedy,
        kind = class.kind.as_str(),
        reason = class.reason,
        "attempt failed and was healed, trying again"
    );
}

pub(crate) fn remedy_succeeded(remedy: &str, elapsed: Duration, class: &Class) {
    info!(
        target: "buttress::retry",
        event = "remedy.succeeded",
        remedy,
        duration_ms = millis(elapsed),
        kind = class.kind.as_str(),
        reason = class.reason,
        "remedy has worked"
    );
}

pub(crate) fn remedy_failed(remedy: &str, elapsed: Duration, class: &Class, error: &Error) {
    warn!(
        target: "buttress::retry",
        event = "remedy.failed",
        remedy,
        duration_ms = millis(elapsed),
        kind = class.kind.as_str(),
        reason = class.reason,
        error = error as &(dyn StdError + 'static),
        "remedy has failed"
    );
}

pub(crate) fn remedy_refused(remedy: &str, class: &Class) {
    debug!(
        target: "buttress::retry",
        event = "remedy.refused",
        remedy,
        kind = class.kind.as_str(),
        reason = class.reason,
        "remedy has run too often"
    );
}

struct History<'e> {
    tries: &'e [FailedAttempt],
    /// Of the only attempt, where no tries were kept.
    only: Kind,
}

impl fmt::Display for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, earlier)) = self.tries.split_last() else { return self.only.fmt(f) };
        for attempt in earlier {
            write!(f, "{} {}ms, ", attempt.kind, millis(attempt.delay))?;
        }
        last.kind.fmt(f)
    }
}
