//! What a circuit exchanges with its fleet.

use std::time::Duration;

/// The state of a fleet, as its store sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetState {
    /// Each breaker decides by its own counts.
    Closed,
    /// All breakers refuse calls, except for leased probes.
    Open {
        /// The time until the first probe is granted.
        wait: Duration,
    },
    /// The store cannot be reached. Each breaker decides by its own counts; if the fleet was open, it stays open until its
    /// wait ends.
    Unknown,
}

/// The right to make one probe while the fleet is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The epoch that granted it.
    pub epoch: u64,
    /// Distinguishes it from the other leases of the epoch.
    pub token: u64,
    /// How long it lasts.
    pub time: Duration,
}

/// The result of a probe of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeResult {
    /// It succeeded, and was not slow.
    Succeeded,
    /// It failed, was throttled or slow, or outlived its lease.
    Failed,
    /// It was neutral, or never made.
    Abandoned,
}
