//! The events of this crate, with target `buttress::retry`. They are part of its public API.
//!
//! | `event` | level | fields |
//! |---|---|---|
//! | `retry.scheduled` | DEBUG | `attempt` (that failed), `delay_ms`, `kind`, `reason` |
//! | `retry.recovered` | DEBUG | `attempts`, `delay_ms` (in total) |
//! | `retry.stopped` | WARN if the failure is exhausted, else DEBUG | `attempts`, `delay_ms` (in total), `elapsed_ms`, `stopped`, `kind`, `reason`, `history` |
//! | `retry.idempotency_unknown` | WARN, once for each layer | `kind`, `reason` of the failure that was not retried |
//! | `retry.budget_of_one_call` | WARN, once per process | `budgets` |
//! | `retry.remedied` | DEBUG | `attempt` (that failed), `remedy`, `kind`, `reason` |
//! | `remedy.succeeded` | INFO | `remedy`, `duration_ms`, `kind` and `reason` of the failure that started it |
//! | `remedy.failed` | WARN | the same, and `error` |
//! | `remedy.refused` | DEBUG | `remedy`, `kind`, `reason` |
//!
//! The events named `retry.…` also have the field `retry`, the name of the layer or policy, if it has one.
//!
//! `history` lists the kind of each failed attempt and the wait after it, for the last 16 attempts at most:
//! `unavailable 52ms, timeout 110ms, unavailable`. `elapsed_ms` is [`RetrySummary::elapsed`].

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
        "attempt failed, retrying"
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

pub(crate) fn stopped(retry: Option<&str>, summary: &RetrySummary, slept: Duration, class: &Class) {
    macro_rules! emit {
        ($level:ident, $message:literal) => {
            $level!(
                target: "buttress::retry",
                event = "retry.stopped",
                retry,
                attempts = summary.attempts,
                delay_ms = millis(slept),
                elapsed_ms = millis(summary.elapsed),
                stopped = summary.stopped.as_str(),
                kind = class.kind.as_str(),
                reason = class.reason,
                history = %History { attempts: &summary.history, only: class.kind },
                $message
            )
        };
    }
    if summary.exhausted {
        emit!(warn, "retries exhausted");
    } else {
        emit!(debug, "not retried");
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
         `Replay::idempotent`, call `RetryLayer::assume_idempotent`, or enter `Context::with_idempotent(true)`"
    );
}

pub(crate) fn budget_of_one_call(budgets: u32) {
    warn!(
        target: "buttress::retry",
        event = "retry.budget_of_one_call",
        budgets,
        "retry budgets were dropped after one call each: a policy that is built for each call bounds nothing; build the \
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
        "attempt failed, retrying after a remedy"
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
        "remedy succeeded"
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
        "remedy failed"
    );
}

pub(crate) fn remedy_refused(remedy: &str, class: &Class) {
    debug!(
        target: "buttress::retry",
        event = "remedy.refused",
        remedy,
        kind = class.kind.as_str(),
        reason = class.reason,
        "remedy not run: too many runs within a minute"
    );
}

struct History<'e> {
    attempts: &'e [FailedAttempt],
    /// The kind of the only attempt, if `attempts` is empty.
    only: Kind,
}

impl fmt::Display for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, earlier)) = self.attempts.split_last() else { return self.only.fmt(f) };
        for attempt in earlier {
            write!(f, "{} {}ms, ", attempt.kind, millis(attempt.delay))?;
        }
        last.kind.fmt(f)
    }
}
