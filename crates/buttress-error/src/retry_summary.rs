//! `RetrySummary`: what a retry layer did before it gave up.

use std::fmt;
use std::time::Duration;

use crate::{Class, Error, Kind};

/// What a retry layer did for one call before it gave up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetrySummary {
    /// Attempts made, the first call included.
    pub attempts: u32,
    /// Time from the start of the call to the end of its last attempt.
    pub elapsed: Duration,
    /// Why it stopped.
    pub stopped: StopReason,
    /// Is the failure used up, so that no retry layer further out may repeat it?
    pub exhausted: bool,
    /// The failed attempts, oldest first; of more than [`HISTORY`](Self::HISTORY) the oldest are dropped.
    pub history: Vec<FailedAttempt>,
    /// Why the remedy that should have healed the failure did not; none where there was no remedy, or it worked.
    pub remedy: Option<Error>,
    /// May an earlier attempt of the call have taken effect, whatever this failure says? Then its delivery is
    /// [`Delivery::Unknown`](crate::Delivery::Unknown).
    pub unresolved: bool,
    /// The refusal by a layer of this stack that ended the call after this failure; none where the failure itself ended
    /// it, or where the error type of the refusal is not [`Error`] (the history still lists the attempt as `rejected`).
    pub refusal: Option<Error>,
}

/// Compares the remedy's error and the refusal by their text.
impl PartialEq for RetrySummary {
    fn eq(&self, other: &Self) -> bool {
        let of = |effort: &Self| {
            let text = |error: &Option<Error>| error.as_ref().map(|error| format!("{error:#}"));
            let errors = (text(&effort.remedy), text(&effort.refusal));
            (effort.attempts, effort.elapsed, effort.stopped, effort.exhausted, effort.unresolved, errors)
        };
        of(self) == of(other) && self.history == other.history
    }
}

impl Eq for RetrySummary {}

impl RetrySummary {
    /// How many failed attempts are remembered at most.
    pub const HISTORY: usize = 16;

    /// An effort of `attempts` attempts that ended because of `stopped`.
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

    /// The class of the failure once this effort is noted on it: [exhausted](Class::exhausted), and
    /// [after an attempt of unknown outcome](Class::after_unknown), where the fields say so. For error types that store
    /// their class.
    #[must_use]
    pub const fn class(&self, mut class: Class) -> Class {
        class.exhausted |= self.exhausted;
        if self.unresolved { class.after_unknown() } else { class }
    }
}

/// One failed attempt: its kind and the wait that followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// The kind of its failure.
    pub kind: Kind,
    /// The wait before the next attempt; zero after the last one.
    pub delay: Duration,
}

impl FailedAttempt {
    /// A failed attempt and the wait after it.
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
    /// A retry could not help: a permanent failure, or one that another retry layer has exhausted.
    NotRetryable,
    /// The request may have been processed, and it is not idempotent.
    NotIdempotent,
    /// The request cannot be sent a second time.
    NotReplayable,
    /// A layer of this stack refused the call.
    Rejected,
    /// A retry layer further out has said that it alone repeats.
    OuterRetries,
    /// All attempts are used up.
    Attempts,
    /// The deadline cut the last attempt, or the next one would begin too late for it.
    Deadline,
    /// The retry budget is spent.
    Budget,
    /// The next attempt would begin later than the policy allows after the first.
    Elapsed,
    /// A rule of the policy's user said so.
    Rule,
}

impl StopReason {
    /// Its fixed spelling in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NotRetryable => "not_retryable",
            Self::NotIdempotent => "not_idempotent",
            Self::NotReplayable => "not_replayable",
            Self::Rejected => "rejected",
            Self::OuterRetries => "outer_retries",
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
