//! `RetrySummary`: the attempts of a call that a retry layer exhausted.

use std::fmt;
use std::time::Duration;

use crate::class::Class;
use crate::error::Error;
use crate::kind::Kind;

/// The attempts of one call, and why the retry layer stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetrySummary {
    /// The number of attempts, including the first call.
    pub attempts: u32,
    /// The time from the start of the call to the end of its last attempt.
    pub elapsed: Duration,
    /// Why the retry layer stopped.
    pub stopped: StopReason,
    /// Whether the failure is exhausted, so that no outer retry layer may retry it.
    pub exhausted: bool,
    /// The last failed attempts, at most [`HISTORY`](Self::HISTORY), oldest first.
    pub history: Vec<FailedAttempt>,
    /// The error of the remedy; none if there was no remedy, or it succeeded.
    pub remedy: Option<Error>,
    /// Whether an earlier attempt of the call may have taken effect. The delivery of the failure is then
    /// [`Delivery::Unknown`](crate::Delivery::Unknown).
    pub unresolved: bool,
    /// The rejection by a layer of this stack that ended the call after this failure; none if the failure itself ended it, or
    /// if the error type of the rejection is not [`Error`] (the history still lists the attempt as `rejected`).
    pub refusal: Option<Error>,
}

/// Compares the errors in it by their text.
impl PartialEq for RetrySummary {
    fn eq(&self, other: &Self) -> bool {
        let of = |summary: &Self| {
            let text = |error: &Option<Error>| error.as_ref().map(|error| format!("{error:#}"));
            let errors = (text(&summary.remedy), text(&summary.refusal));
            (
                summary.attempts,
                summary.elapsed,
                summary.stopped,
                summary.exhausted,
                summary.unresolved,
                errors,
            )
        };
        of(self) == of(other) && self.history == other.history
    }
}

impl Eq for RetrySummary {}

impl RetrySummary {
    /// The maximum length of the history.
    pub const HISTORY: usize = 16;

    /// Creates the summary of a call that stopped after `attempts` attempts.
    #[must_use]
    pub const fn new(attempts: u32, elapsed: Duration, stopped: StopReason) -> Self {
        Self {
            attempts,
            elapsed,
            stopped,
            exhausted: false,
            history: Vec::new(),
            remedy: None,
            unresolved: false,
            refusal: None,
        }
    }

    /// Returns the class of the failure with this summary applied: [exhausted](Class::exhausted), and
    /// [after an attempt with an unknown outcome](Class::after_unknown), if these fields are set. For error types that store
    /// their class.
    #[must_use]
    pub const fn class(&self, mut class: Class) -> Class {
        class.exhausted |= self.exhausted;
        if self.unresolved { class.after_unknown() } else { class }
    }
}

/// A failed attempt: the kind of its failure and the delay that followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// The kind of its failure.
    pub kind: Kind,
    /// The delay before the next attempt; zero after the last one.
    pub delay: Duration,
}

impl FailedAttempt {
    /// Creates a failed attempt.
    #[must_use]
    pub const fn new(kind: Kind, delay: Duration) -> Self {
        Self { kind, delay }
    }
}

/// Why a retry layer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The outcome was a success.
    Success,
    /// A retry cannot help: the failure is permanent, or another retry layer has exhausted it.
    NotRetryable,
    /// The request may have been processed, and it is not idempotent.
    NotIdempotent,
    /// The request cannot be sent a second time.
    NotReplayable,
    /// A layer of this stack rejected the call.
    Rejected,
    /// An outer retry layer is the only one that may retry.
    InnerRetriesDisabled,
    /// The maximum number of attempts is reached.
    Attempts,
    /// The deadline cut off the last attempt, or leaves no time for the next one.
    Deadline,
    /// The retry budget is exhausted.
    Budget,
    /// The next attempt would exceed the maximum elapsed time of the policy.
    Elapsed,
    /// A rule of the application stopped the retries.
    Rule,
}

impl StopReason {
    /// Returns its fixed spelling in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NotRetryable => "not_retryable",
            Self::NotIdempotent => "not_idempotent",
            Self::NotReplayable => "not_replayable",
            Self::Rejected => "rejected",
            Self::InnerRetriesDisabled => "inner_retries_disabled",
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Elapsed => "elapsed",
            Self::Rule => "rule",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
