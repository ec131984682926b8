//! `RejectionReason`: why a layer rejected a call.

use std::fmt;

/// Why a layer rejected a call or cut it short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The circuit is open.
    CircuitOpen,
    /// The circuit is half-open and all its probes are in flight.
    ProbesTaken,
    /// The circuit was forced open.
    ForcedOpen,
    /// The circuit has closed, and admits a growing part of the calls while it recovers.
    Ramping,
    /// An attempt took longer than its limit.
    AttemptTimeout,
    /// The caller's request body paused for longer than the limit.
    RequestStalled,
    /// The whole call took longer than its limit.
    Deadline,
    /// A rate limit has no permits for the call now.
    RateLimited,
    /// The call needs more permits than a rate limit ever has at once.
    ExceedsBurst,
}

impl RejectionReason {
    /// Returns its fixed spelling in logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::ProbesTaken => "probes_taken",
            Self::ForcedOpen => "forced_open",
            Self::Ramping => "ramping",
            Self::AttemptTimeout => "attempt_timeout",
            Self::RequestStalled => "request_stalled",
            Self::Deadline => "deadline",
            Self::RateLimited => "rate_limited",
            Self::ExceedsBurst => "exceeds_burst",
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
