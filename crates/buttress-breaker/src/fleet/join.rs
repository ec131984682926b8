//! The task that keeps a breaker and the store of its fleet in step.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use buttress_error::{Error, Kind};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use crate::breaker::subscription::Subscription;
use crate::breaker::{Breaker, events};
use crate::circuit::lease::FleetState;
use crate::circuit::stats::BreakerStats;
use crate::fleet::store::{FleetSettings, StateStore, SyncReply, SyncReport};

/// Between two exchanges, give or take a fifth.
const PERIOD: Duration = Duration::from_millis(200);
/// One exchange.
const LIMIT: Duration = Duration::from_millis(50);
/// Between two tries to find a lost store again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Breaker {
    /// Shares its state with all breakers that are joined to the same store under the same name. Spawn it: it ends never,
    /// and leaves the fleet when it is dropped.
    ///
    /// Every 200 ms ± 20 %, and at once when this circuit opens or closes, it tells the store what was counted and takes
    /// over what the fleet says, as long as there is something to say or the fleet is open. Calls never wait for it. While the
    /// fleet is open, calls are refused but for leased probes (state [`Open`](crate::State::Open), rule
    /// [`Fleet`](buttress_error::TripReason::Fleet)); while it is closed, each breaker judges for itself, opens and probes. An
    /// order given here, as [`force_open`](Self::force_open), is stronger than the fleet.
    ///
    /// A store that answers with an error, or not within 50 ms, is lost: that is told once, and so is its return. Meanwhile
    /// the breaker is on its own; a fleet that was open is so until its wait ends.
    ///
    /// ```
    /// use buttress_breaker::Breaker;
    /// use buttress_breaker::fleet::{SyncReply, SyncReport, StateStore, FleetSettings, FleetState};
    /// use buttress_error::Error;
    ///
    /// /// A fleet that never opens.
    /// struct Calm;
    ///
    /// impl StateStore for Calm {
    ///     async fn exchange(&self, _breaker: &str, _: &FleetSettings, _: &SyncReport) -> Result<SyncReply, Error> {
    ///         Ok(SyncReply { incarnation: 1, epoch: 1, state: FleetState::Closed, lease: None })
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let breaker = Breaker::new("db");
    /// let member = tokio::spawn(breaker.clone().join_fleet(Calm));
    /// // … and to leave it:
    /// member.abort();
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropped, the breaker is on its own, as when the store is lost. A report under way may have been counted.
    pub async fn join_fleet<S: StateStore>(self, store: S) -> Infallible {
        let mut member = Member::new(self);
        loop {
            let news = if member.has_news() { Some(member.exchange(&store).await) } else { None };
            match news {
                Some(Err(error)) => member.lose(&error),
                Some(Ok(answer)) => member.follow(answer),
                None => {}
            }
            member.pause().await;
        }
    }
}

struct Member {
    breaker: Breaker,
    changes: Subscription,
    /// The latest answer.
    fleet: Option<SyncReply>,
    /// What the store has been told of.
    told: BreakerStats,
    report: SyncReport,
    /// Calls, as of the last look.
    admitted: u64,
    /// The next pause, while the store is lost.
    lost: Option<Duration>,
}

impl Member {
    fn new(breaker: Breaker) -> Self {
        let (changes, told) = (breaker.subscribe(), breaker.stats());
        Self { breaker, changes, fleet: None, told, report: SyncReport::default(), admitted: 0, lost: None }
    }

    /// Adds what was counted since the last report, which may not have reached the store.
    fn has_news(&mut self) -> bool {
        let (stats, vote, probes) = self.breaker.fleet_news();
        let (told, report) = (&self.told, &mut self.report);
        report.succeeded = stats.succeeded - told.succeeded;
        report.failed = stats.failed - told.failed;
        report.throttled = stats.throttled - told.throttled;
        report.slow = stats.slow - told.slow;
        report.refused = stats.rejected - told.rejected;
        report.vote = vote;
        report.probes.extend(probes);
        let is_closed = self.fleet.is_some_and(|fleet| fleet.state == FleetState::Closed);
        let has_calls = stats.admitted > self.admitted;
        self.admitted = stats.admitted;
        !is_closed || has_calls || !report.is_empty()
    }

    async fn exchange(&mut self, store: &impl StateStore) -> Result<SyncReply, Error> {
        let settings = Arc::clone(self.breaker.lock().settings());
        let terms = FleetSettings::new(&settings);
        let sent = self.report.clone();
        let exchange = store.exchange(self.breaker.name(), &terms, &sent);
        let answer = timeout(LIMIT, exchange).await.map_err(late)??;
        self.told.succeeded += sent.succeeded;
        self.told.failed += sent.failed;
        self.told.throttled += sent.throttled;
        self.told.slow += sent.slow;
        self.told.rejected += sent.refused;
        self.report.probes.clear();
        Ok(answer)
    }

    fn follow(&mut self, answer: SyncReply) {
        let known = self.fleet.replace(answer);
        if self.lost.take().is_some() {
            events::store_found(self.breaker.name());
        }
        let is_new =
            |known: SyncReply| (known.incarnation, known.epoch) != (answer.incarnation, answer.epoch);
        self.breaker.fleet_says(answer.state);
        if known.is_none_or(is_new) {
            // What was counted in the former epoch says nothing in this one.
            self.told = self.breaker.stats();
        }
        (self.report.incarnation, self.report.epoch) = (answer.incarnation, answer.epoch);
        if let Some(lease) = answer.lease {
            self.breaker.fleet_grants(lease);
        }
    }

    fn lose(&mut self, error: &Error) {
        match &mut self.lost {
            Some(pause) => *pause = (*pause * 2).min(LONGEST_PAUSE),
            None => {
                self.lost = Some(PERIOD);
                events::store_lost(self.breaker.name(), error);
            }
        }
        self.fleet = None;
        self.breaker.fleet_says(FleetState::Unknown);
        // Told later, it would count as new.
        self.told = self.breaker.stats();
    }

    /// Until the next exchange is due: at once, where the own circuit has changed and the store is there.
    async fn pause(&mut self) {
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let mut over = pin!(sleep(self.lost.unwrap_or(PERIOD).mul_f64(jitter)));
        let mut changed = pin!(self.changes.changed());
        let is_lost = self.lost.is_some();
        poll_fn(|cx| match over.as_mut().poll(cx) {
            Poll::Pending if !is_lost => changed.as_mut().poll(cx).map(drop),
            over => over,
        })
        .await;
    }
}

/// It leaves the fleet.
impl Drop for Member {
    fn drop(&mut self) {
        self.breaker.fleet_says(FleetState::Unknown);
    }
}

fn late(elapsed: Elapsed) -> Error {
    Error::wrap(Kind::Timeout, elapsed)
}
