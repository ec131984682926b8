//! What a circuit and its fleet say to each other.

use std::time::Duration;

/// What the fleet says of the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Each breaker judges for itself.
    Closed,
    /// Nobody calls, but for leased probes.
    Open {
        /// How long no probe is granted.
        rest: Duration,
    },
    /// The store is lost: each breaker judges for itself, and a fleet that was open is until its wait ends.
    Unknown,
}

/// The right to make one probe while the fleet is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The epoch that granted it.
    pub epoch: u64,
    /// Tells it from the others of the epoch.
    pub token: u64,
    /// How long it lasts.
    pub time: Duration,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeResult {
    /// It succeeded, and was not slow.
    Succeeded,
    /// It failed, was throttled or slow, or outlived its lease.
    Failed,
    /// It said nothing, or was never made.
    Abandoned,
}
