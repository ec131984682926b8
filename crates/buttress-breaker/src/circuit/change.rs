//! The words in which the circuit is spoken to, and answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{Cause, Class, Kind, Trip, TripReason, Verdict};

use crate::circuit::time::{Nanos, nanos};

/// The state of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls pass and are judged. (A [ramp](crate::BreakerBuilder::ramp) may still hold some back.)
    Closed,
    /// Calls are refused until the wait is over.
    Open,
    /// A few probes pass, all other calls are refused.
    HalfOpen,
    /// Calls are refused until somebody [releases](crate::Breaker::release) the circuit.
    ForcedOpen,
    /// Calls pass and are counted, and the circuit never opens.
    Disabled,
}

impl State {
    /// Its fixed spelling in logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }

    /// Do calls pass and are judged?
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Are calls refused, by the circuit's own decision or by force?
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::ForcedOpen)
    }

    /// Do probes pass?
    #[must_use]
    pub const fn is_half_open(self) -> bool {
        matches!(self, Self::HalfOpen)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Success,
    Failure,
    Throttle,
    Neutral,
    /// It was dropped: a failure or neutral, by how long it had waited.
    Abandoned,
}

impl From<&Verdict> for Mark {
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

/// A failure, as a later rejection will tell of it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// How long the dependency asked us to wait.
    pub(crate) retry_after: Nanos,
}

impl Failure {
    pub(crate) fn new(cause: Cause, retry_after: Option<Duration>) -> Self {
        Self { cause, retry_after: retry_after.map_or(0, nanos) }
    }

    /// Nobody reported it: the call was given up.
    pub(crate) fn unanswered() -> Self {
        Self::new(Cause::new(&Class::new(Kind::Timeout), None), None)
    }
}

/// A transition that is due: the circuit asks for the time and a random number, and then makes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Due {
    /// Open by this rule; since `since`, if it was noticed later than it happened.
    Open {
        rule: TripReason,
        since: Option<Nanos>,
    },
    HalfOpen,
    Close,
    /// The ramp is over: every call may pass.
    Ramped,
}

/// A transition that was made, to be told once the lock is released.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) from: State,
    pub(crate) to: State,
    /// The epoch that it began.
    pub(crate) epoch: u64,
    pub(crate) shadow: bool,
    /// Why the circuit opened, and for how long.
    pub(crate) opened: Option<(Arc<Trip>, Nanos)>,
    /// What the circuit let go of. It holds errors of the caller's, whose drop must not run under the lock.
    pub(crate) _old: (Option<Arc<Trip>>, Option<Failure>),
}
