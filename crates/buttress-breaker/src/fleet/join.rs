//! The task that synchronizes a breaker with the store of its fleet.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use buttress_error::{Error, Kind};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use crate::breaker::control::FleetNews;
use crate::breaker::subscription::Subscription;
use crate::breaker::{Breaker, events};
use crate::circuit::fleet::FleetState;
use crate::circuit::stats::BreakerStats;
use crate::fleet::store::{FleetSettings, StateStore, SyncReply, SyncReport};

/// The time between two exchanges, ± 20 %.
const INTERVAL: Duration = Duration::from_millis(200);
/// The time limit of an exchange.
const TIMEOUT: Duration = Duration::from_millis(50);
/// The longest time between two exchanges while the store is lost.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

impl Breaker {
    /// Shares its state with all breakers that have joined the same store under the same name. Spawn it: it never ends, and
    /// dropping it leaves the fleet.
    ///
    /// Every 200 ms ± 20 %, and at once when this circuit opens or closes, it sends the new counts to the store and adopts the
    /// state of the fleet. It skips the exchange while there is nothing to report and the fleet is closed. Calls never wait for
    /// it. While the fleet is open, calls are refused except for leased probes (state [`Open`](crate::State::Open), rule
    /// [`Fleet`](buttress_error::TripReason::Fleet)). While it is closed, each breaker decides by its own counts. A local order,
    /// such as [`force_open`](Self::force_open), has precedence over the fleet.
    ///
    /// A store that fails or does not reply within 50 ms is lost. The loss is reported once, and so is the return. Until then
    /// the breaker works alone; if the fleet was open, the breaker stays open until its wait ends.
    ///
    /// ```
    /// use buttress_breaker::Breaker;
    /// use buttress_breaker::fleet::{SyncReply, SyncReport, StateStore, FleetSettings, FleetState};
    /// use buttress_error::Error;
    ///
    /// /// A fleet that never opens.
    /// struct AlwaysClosed;
    ///
    /// impl StateStore for AlwaysClosed {
    ///     async fn exchange(&self, _breaker: &str, _: &FleetSettings, _: &SyncReport) -> Result<SyncReply, Error> {
    ///         Ok(SyncReply { incarnation: 1, epoch: 1, state: FleetState::Closed, lease: None })
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let breaker = Breaker::new("db");
    /// let member = tokio::spawn(breaker.clone().join_fleet(AlwaysClosed));
    /// // To leave the fleet:
    /// member.abort();
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// If it is dropped, the breaker works alone, as if the store were lost. The store may have counted a report in flight.
    pub async fn join_fleet<S: StateStore>(self, store: S) -> Infallible {
        let mut member = Member::new(self);
        loop {
            if member.collect() {
                match member.exchange(&store).await {
                    Ok(reply) => member.adopt(reply),
                    Err(error) => member.lose(&error),
                }
            }
            member.pause().await;
        }
    }
}

struct Member {
    breaker: Breaker,
    changes: Subscription,
    /// The latest reply; none while the store is lost.
    fleet: Option<SyncReply>,
    /// The counts that the store has received.
    reported: BreakerStats,
    /// What the store has not received.
    report: SyncReport,
    /// Admitted calls at the last collection.
    admitted: u64,
    /// The next interval while the store is lost.
    lost: Option<Duration>,
}

impl Member {
    fn new(breaker: Breaker) -> Self {
        let (changes, reported) = (breaker.subscribe(), breaker.stats());
        Self {
            breaker,
            changes,
            fleet: None,
            reported,
            report: SyncReport::default(),
            admitted: 0,
            lost: None,
        }
    }

    /// Adds the latest counts to the report, which may hold some that have not reached the store. Returns `true` if an exchange is
    /// due.
    fn collect(&mut self) -> bool {
        let FleetNews { stats, vote, probes } = self.breaker.fleet_news();
        let (reported, report) = (&self.reported, &mut self.report);
        report.succeeded = stats.succeeded - reported.succeeded;
        report.failed = stats.failed - reported.failed;
        report.throttled = stats.throttled - reported.throttled;
        report.slow = stats.slow - reported.slow;
        report.refused = stats.rejected - reported.rejected;
        report.vote = vote;
        report.probes.extend(probes);
        let is_closed = self.fleet.is_some_and(|fleet| fleet.state == FleetState::Closed);
        let has_calls = stats.admitted > self.admitted;
        self.admitted = stats.admitted;
        !is_closed || has_calls || !report.is_empty()
    }

    async fn exchange(&mut self, store: &impl StateStore) -> Result<SyncReply, Error> {
        let settings = Arc::clone(self.breaker.lock().settings());
        let settings = FleetSettings::new(&settings);
        let sent = self.report.clone();
        let exchange = store.exchange(self.breaker.name(), &settings, &sent);
        let reply = timeout(TIMEOUT, exchange).await.map_err(timed_out)??;
        self.reported.succeeded += sent.succeeded;
        self.reported.failed += sent.failed;
        self.reported.throttled += sent.throttled;
        self.reported.slow += sent.slow;
        self.reported.rejected += sent.refused;
        self.report.probes.clear();
        Ok(reply)
    }

    fn adopt(&mut self, reply: SyncReply) {
        let known = self.fleet.replace(reply);
        if self.lost.take().is_some() {
            events::store_found(self.breaker.name());
        }
        let is_new = |known: SyncReply| (known.incarnation, known.epoch) != (reply.incarnation, reply.epoch);
        self.breaker.adopt_fleet_state(reply.state);
        if known.is_none_or(is_new) {
            // The counts of the former epoch do not belong to this one.
            self.reported = self.breaker.stats();
        }
        (self.report.incarnation, self.report.epoch) = (reply.incarnation, reply.epoch);
        if let Some(lease) = reply.lease {
            self.breaker.grant_lease(lease);
        }
    }

    fn lose(&mut self, error: &Error) {
        match &mut self.lost {
            Some(interval) => *interval = (*interval * 2).min(MAX_INTERVAL),
            None => {
                self.lost = Some(INTERVAL);
                events::store_lost(self.breaker.name(), error);
            }
        }
        self.fleet = None;
        self.breaker.adopt_fleet_state(FleetState::Unknown);
        // Reported later, these counts would look new.
        self.reported = self.breaker.stats();
    }

    /// Waits until the next exchange is due. A change of the own circuit makes it due at once, unless the store is lost.
    async fn pause(&mut self) {
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let mut over = pin!(sleep(self.lost.unwrap_or(INTERVAL).mul_f64(jitter)));
        let mut changed = pin!(self.changes.changed());
        let is_lost = self.lost.is_some();
        poll_fn(|cx| match over.as_mut().poll(cx) {
            Poll::Pending if !is_lost => changed.as_mut().poll(cx).map(drop),
            over => over,
        })
        .await;
    }
}

/// Leaves the fleet.
impl Drop for Member {
    fn drop(&mut self) {
        self.breaker.adopt_fleet_state(FleetState::Unknown);
    }
}

fn timed_out(elapsed: Elapsed) -> Error {
    Error::wrap(Kind::Timeout, elapsed)
}
