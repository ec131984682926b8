//! `Effort`: what a retry layer did before it gave up.

use std::fmt;
use std::time::Duration;

use crate::{Error, Kind};

/// What a retry layer did for one call before it gave up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Effort {
    /// Attempts made, the first call included.
    pub attempts: u32,
    /// Time from the start of the call to the end of its last attempt.
    pub elapsed: Duration,
    /// Why it stopped.
    pub stopped: Stop,
    /// Is the failure used up, so that no retry layer further out may repeat it?
    pub exhausted: bool,
    /// The failed attempts, oldest first; of more than [`HISTORY`](Self::HISTORY) the oldest are dropped.
    pub history: Vec<Try>,
    /// Why the remedy that should have healed the failure did not; none where there was no remedy, or it worked.
    pub remedy: Option<Error>,
}

/// Of the remedy's error the text is compared.
impl PartialEq for Effort {
    fn eq(&self, other: &Self) -> bool {
        let of = |effort: &Self| {
            let remedy = effort.remedy.as_ref().map(|error| format!("{error:#}"));
            (effort.attempts, effort.elapsed, effort.stopped, effort.exhausted, remedy)
        };
        of(self) == of(other) && self.history == other.history
    }
}

impl Eq for Effort {}

impl Effort {
    /// How many failed attempts are remembered at most.
    pub const HISTORY: usize = 16;

    /// An effort of `attempts` attempts that ended because of `stopped`.
    #[must_use]
    pub const fn new(attempts: u32, elapsed: Duration, stopped: Stop) -> Self {
        Self { attempts, elapsed, stopped, exhausted: false, history: Vec::new(), remedy: None }
    }
}

/// One failed attempt: its kind and the wait that followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Try {
    /// The kind of its failure.
    pub kind: Kind,
    /// The wait before the next attempt; zero after the last one.
    pub delay: Duration,
}

impl Try {
    /// A failed attempt and the wait after it.
    #[must_use]
    pub const fn new(kind: Kind, delay: Duration) -> Self {
        Self { kind, delay }
    }
}

/// Why a retry layer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// The outcome was a success.
    Success,
    /// Repeating could not help: a permanent failure, or one that another retry layer has given up on.
    NotRetryable,
    /// The request may have been processed, and it is not idempotent.
    NotIdempotent,
    /// The request cannot be sent a second time.
    NotReplayable,
    /// A layer of this stack refused the call.
    Rejected,
    /// A retry layer further out has said that it alone repeats.
    OwnedOutside,
    /// All attempts are used up.
    Attempts,
    /// The next attempt would begin too late for the deadline.
    Deadline,
    /// The retry budget is spent.
    Budget,
    /// The next attempt would begin later than the policy allows after the first.
    Elapsed,
    /// A rule of the policy's user said so.
    Rule,
}

impl Stop {
    /// Its fixed spelling in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NotRetryable => "not_retryable",
            Self::NotIdempotent => "not_idempotent",
            Self::NotReplayable => "not_replayable",
            Self::Rejected => "rejected",
            Self::OwnedOutside => "owned_outside",
            Self::Attempts => "attempts",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Elapsed => "elapsed",
            Self::Rule => "rule",
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
