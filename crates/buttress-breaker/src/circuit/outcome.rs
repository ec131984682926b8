//! `Outcome`: how a call ended.

use std::time::Duration;

use buttress_error::{Cause, Class, Kind, Verdict};

use crate::circuit::time::{Nanos, nanos};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Throttle,
    Neutral,
    /// The call was dropped. It is a failure or neutral, depending on how long it had waited.
    Abandoned,
}

impl From<&Verdict> for Outcome {
    fn from(verdict: &Verdict) -> Self {
        if verdict.is_success() {
            Self::Success
        } else if verdict.is_throttle() {
            Self::Throttle
        } else if verdict.is_failure() {
            Self::Failure
        } else {
            Self::Neutral
        }
    }
}

/// What later rejections report of a failure.
#[derive(Debug)]
pub(crate) struct FailureDetail {
    pub(crate) cause: Cause,
    /// How long the dependency asked its callers to wait.
    pub(crate) retry_after: Nanos,
}

impl FailureDetail {
    pub(crate) fn new(cause: Cause, retry_after: Option<Duration>) -> Self {
        Self { cause, retry_after: retry_after.map_or(0, nanos) }
    }

    /// The failure of a call that was dropped or timed out.
    pub(crate) fn unanswered() -> Self {
        Self::new(Cause::new(&Class::new(Kind::Timeout), None), None)
    }
}
