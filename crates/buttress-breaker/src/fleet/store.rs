//! The store of a fleet, and what a breaker exchanges with it.

use std::time::Duration;

use buttress_error::Error;

use crate::circuit::fleet::{FleetState, Lease, ProbeResult};
use crate::circuit::rule::TripRule;
use crate::circuit::settings::Settings;

/// Where a fleet of breakers with the same name keeps its state. One value is one node of the fleet.
///
/// An implementation must follow these rules for the fleet to behave:
///
/// - It adds the counts of reports to buckets by its own clock, and drops each bucket after
///   [`FleetSettings::window`]. Nothing but a change of its state resets them.
/// - It opens when the rate of all counts has reached [`FleetSettings::failure_rate`], the counts are at least
///   [`FleetSettings::minimum_calls`], and at least two nodes vote for it, or a quarter of the nodes that reported lately if
///   that is more.
/// - Each change of its state begins a new epoch, and a store that has lost its state gets a new incarnation. Counts,
///   votes and probe results of another epoch or incarnation change nothing.
/// - Once the wait is over it grants leases, each once, and never more in an epoch than [`FleetSettings::probes`] less those
///   that have succeeded. It grants them only to nodes whose report has refused calls. A lease that is not settled within a
///   second after its end has lost its owner: it counts as unknown, and is free again.
/// - It closes when enough probes have succeeded, and opens again for longer when one probe too many has failed. If all were
///   lost, it opens again for the same time.
pub trait StateStore {
    /// Sends the counts of the breaker with this name to the store, and returns the state of the fleet.
    ///
    /// No call ever waits for it. It is cancelled after 50 ms and repeated later.
    fn exchange(
        &self,
        breaker: &str,
        settings: &FleetSettings,
        report: &SyncReport,
    ) -> impl Future<Output = Result<SyncReply, Error>> + Send;
}

/// The settings of a breaker that apply to its fleet. If they differ between two nodes, the store may report it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FleetSettings {
    /// The failure rate at which the fleet opens, 0.0..=1.0; with none it never opens.
    pub failure_rate: Option<f64>,
    /// The number of calls below which no rate is judged.
    pub minimum_calls: u64,
    /// How long calls are counted: the span of a time window, else 30 s.
    pub window: Duration,
    /// The first wait of the open fleet.
    pub open_wait: Duration,
    /// The factor applied to the wait each time the fleet reopens.
    pub open_multiplier: f64,
    /// The longest wait.
    pub open_max: Duration,
    /// The number of probes in an epoch.
    pub probes: u32,
    /// The number of probes that must succeed.
    pub probes_to_close: u32,
    /// How long a probe may take.
    pub probe_timeout: Duration,
}

impl FleetSettings {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (source, wait) = (&settings.source, &settings.open_wait);
        Self {
            failure_rate: source.judged_failure_rate(),
            // The votes are the evidence: the fleet itself judges the plain rate.
            minimum_calls: source
                .with_minimum(TripRule::failure_rate(1.0).over(source.window))
                .minimum()
                .into(),
            window: source.window.span().unwrap_or(Duration::from_secs(30)),
            open_wait: wait.base,
            open_multiplier: wait.multiplier,
            open_max: wait.longest(),
            probes: source.probes.number,
            probes_to_close: source.probes_to_close().unwrap_or(source.probes.number),
            probe_timeout: source.probes.timeout,
        }
    }
}

/// What a breaker has counted since its last report that reached the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncReport {
    /// The incarnation of the latest [`SyncReply`]; zero before the first.
    pub incarnation: u64,
    /// The epoch of the latest [`SyncReply`]; zero before the first.
    pub epoch: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that failed, throttled ones excluded.
    pub failed: u64,
    /// Calls that the dependency throttled.
    pub throttled: u64,
    /// Calls among all these that were slow.
    pub slow: u64,
    /// Calls that were refused. Only a node that refuses calls needs a probe.
    pub refused: u64,
    /// Whether this node's own circuit is open by its own rules.
    pub vote: bool,
    /// The results of this node's probes.
    pub probes: Vec<(Lease, ProbeResult)>,
}

impl SyncReport {
    /// Returns `true` if there is nothing to report.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let counted = self.succeeded + self.failed + self.throttled + self.slow + self.refused;
        counted == 0 && !self.vote && self.probes.is_empty()
    }
}

/// The store's reply to a [`SyncReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncReply {
    /// A number above zero that changes whenever the store has lost its state.
    pub incarnation: u64,
    /// The number of state changes in this incarnation, from 1.
    pub epoch: u64,
    /// The state of the fleet.
    pub state: FleetState,
    /// A probe granted to this node.
    pub lease: Option<Lease>,
}
