//! What passes between a breaker and the store of its fleet.

use std::time::Duration;

use buttress_error::Error;

use crate::circuit::lease::{Lease, ProbeResult, Verdict};
use crate::circuit::rule::TripRule;
use crate::circuit::settings::Settings;

/// Where a fleet of breakers with one name keeps its state. One value is one node of the fleet.
///
/// What an implementation has to do, so that a fleet behaves:
///
/// - It adds the counts of reports in buckets of a clock of its own, and forgets them bucket by bucket, after
///   [`Terms::window`]. Nothing resets them but a change of its state.
/// - It opens when the rate of all counts is at [`Terms::failure_rate`], the counts are at least
///   [`Terms::minimum_calls`], and at least two nodes vote for it, a quarter of those that reported lately where that is
///   more.
/// - Each change of its state begins a new epoch, and a store that has lost its state gets a new incarnation. Counts,
///   votes and results of probes from another epoch or incarnation change nothing.
/// - When the wait is over it grants leases, each once, and never more in an epoch than [`Terms::probes`] less those that
///   have succeeded; only to nodes whose report has refused calls. A lease that was not settled a second after its end has
///   lost its owner: that says nothing, and it is free again.
/// - It closes when enough probes succeeded and opens again, for longer, when one too many failed; when all were lost,
///   for as long as before.
pub trait StateStore {
    /// Tells the store what the breaker of this name has counted, and brings back the state of the fleet.
    ///
    /// No call ever waits for it. It is given up after 50 ms, and asked again later.
    fn exchange(
        &self,
        breaker: &str,
        terms: &Terms,
        report: &Report,
    ) -> impl Future<Output = Result<Answer, Error>> + Send;
}

/// The settings of a breaker that its fleet goes by. Where those of two nodes differ, the store may say so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// The rate of failures at which the fleet opens, 0.0..=1.0; none: it never does.
    pub failure_rate: Option<f64>,
    /// No rate is judged of fewer calls.
    pub minimum_calls: u64,
    /// How long calls are remembered: that of a time window, else 30 s.
    pub window: Duration,
    /// The first wait of the open fleet.
    pub open_for: Duration,
    /// By what the wait is multiplied each time.
    pub open_growth: f64,
    /// The longest wait.
    pub open_max: Duration,
    /// The probes of an epoch.
    pub probes: u32,
    /// The probes that have to succeed.
    pub probes_to_close: u32,
    /// How long a probe may take.
    pub lease: Duration,
}

impl Terms {
    pub(crate) fn new(settings: &Settings) -> Self {
        let asked = &settings.asked;
        Self {
            failure_rate: asked.judged_failure_rate(),
            // The votes are the evidence: the fleet itself goes by the plain rate.
            minimum_calls: asked
                .with_minimum(TripRule::failure_rate(1.0).over(asked.window))
                .minimum()
                .into(),
            window: asked.window.span().unwrap_or(Duration::from_secs(30)),
            open_for: asked.open_for,
            open_growth: asked.open_growth,
            open_max: asked.longest(),
            probes: asked.probes,
            probes_to_close: asked.needed_probes().unwrap_or(asked.probes),
            lease: asked.lease,
        }
    }
}

/// What a breaker has counted since its last report that reached the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The incarnation of the latest [`Answer`]; zero before the first.
    pub incarnation: u64,
    /// The epoch of the latest [`Answer`]; zero before the first.
    pub epoch: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that failed, throttled ones excluded.
    pub failed: u64,
    /// Calls that the dependency throttled.
    pub throttled: u64,
    /// Of all these: calls that were slow.
    pub slow: u64,
    /// Calls that were refused: only who refuses calls needs a probe.
    pub refused: u64,
    /// Its own circuit is open by its own rules.
    pub vote: bool,
    /// What has become of its probes.
    pub probes: Vec<(Lease, ProbeResult)>,
}

impl Report {
    /// Nothing to say.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let counted = self.succeeded + self.failed + self.throttled + self.slow + self.refused;
        counted == 0 && !self.vote && self.probes.is_empty()
    }
}

/// The state of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// A number that a store without a memory makes anew: above zero.
    pub incarnation: u64,
    /// The number of changes of state in this incarnation, from 1.
    pub epoch: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// A probe for this node.
    pub lease: Option<Lease>,
}
