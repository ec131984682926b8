//! How an owner observes and controls a breaker.

use std::sync::Arc;

use buttress_error::ConfigError;

use crate::breaker::subscription::Subscription;
use crate::breaker::{Breaker, events};
use crate::circuit::builder::BreakerBuilder;
use crate::circuit::fleet::{FleetState, Lease, ProbeResult};
use crate::circuit::orders::Order;
use crate::circuit::settings::Settings;
use crate::circuit::state::State;
use crate::circuit::stats::BreakerStats;

/// What the fleet needs of a breaker.
pub(crate) struct FleetNews {
    pub(crate) stats: BreakerStats,
    /// Whether this node votes to open the fleet.
    pub(crate) vote: bool,
    pub(crate) probes: Vec<(Lease, ProbeResult)>,
}

impl Breaker {
    /// Returns the state that the latest call or order has left. An open circuit becomes half-open at the first call after
    /// its wait, not before.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().state()
    }

    /// Returns `true` in [shadow mode](Self::shadow).
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.lock().is_shadow()
    }

    /// Returns its counts at one moment. Calls of other threads that end meanwhile may count as in flight.
    #[must_use]
    pub fn stats(&self) -> BreakerStats {
        let now = self.now();
        let mut circuit = self.lock();
        let stats = self.fast_path().snapshot(&mut circuit).add_to(circuit.stats(now));
        self.fast_path().publish(&circuit);
        stats
    }

    /// Refuses all calls until [`release`](Self::release), [`reset`](Self::reset) or another order.
    pub fn force_open(&self) {
        self.order(Order::ForceOpen);
    }

    /// Admits all calls, counts them and never opens, until [`release`](Self::release), [`reset`](Self::reset) or another
    /// order.
    pub fn disable(&self) {
        self.order(Order::Disable);
    }

    /// Revokes every other order and enters shadow mode, until [`release`](Self::release) or another order: the circuit decides
    /// and reports, but refuses nothing. Calls that it would have refused count as [`shadowed`](BreakerStats::shadowed), and
    /// their outcomes do not count.
    pub fn shadow(&self) {
        self.order(Order::Shadow);
    }

    /// Revokes an order. After [`force_open`](Self::force_open) or [`disable`](Self::disable) the circuit is closed, with an
    /// empty window. After [`shadow`](Self::shadow) it keeps its state, and acts by it. Without an order nothing happens.
    pub fn release(&self) {
        self.order(Order::Release);
    }

    /// Closes the circuit in any state, with an empty window and the first wait, and revokes every order. The lifetime counts
    /// stay.
    pub fn reset(&self) {
        self.order(Order::Reset);
    }

    /// Returns its present settings, to change some and [reconfigure](Self::reconfigure) it.
    pub fn settings(&self) -> BreakerBuilder {
        self.lock().settings().source.clone()
    }

    /// Replaces its settings at once. Its name, state, epoch, the growth of the wait, failures in a row and the lifetime counts
    /// stay.
    ///
    /// A window of the same kind and size as before keeps its calls. One of the same kind but another size begins with those of
    /// the largest old window of its kind: a count window with exactly the last calls, a time window with the old buckets
    /// in its span, each placed at its beginning. A window of a new kind begins empty.
    ///
    /// A rule that is already broken opens a closed circuit at its next result, not at once. The wait of an open circuit ends
    /// when it would have ended, and a round of probes keeps the settings with which it began. A rule about stuck calls covers
    /// the calls from now on, and those in flight if there was such a rule before.
    ///
    /// ```
    /// use buttress_breaker::Breaker;
    ///
    /// # fn main() -> Result<(), buttress_breaker::ConfigError> {
    /// let gateway = Breaker::new("gateway");
    /// gateway.reconfigure(gateway.settings().failure_rate(0.2).minimum_calls(100))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that is out of range. Nothing has changed then.
    pub fn reconfigure(&self, settings: BreakerBuilder) -> Result<(), ConfigError> {
        settings.check()?;
        let settings = Arc::new(Settings::new(settings));
        let now = self.now();
        let old = {
            let mut circuit = self.lock();
            self.fast_path().report(&mut circuit);
            let old = circuit.reconfigure(settings, now);
            self.fast_path().publish(&circuit);
            old
        };
        drop(old);
        events::reconfigured(self.name());
        Ok(())
    }

    /// Subscribes to the state. Subscribers are notified after the decision, outside the lock.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(self.watch())
    }

    /// Returns what the fleet needs of this breaker.
    pub(crate) fn fleet_news(&self) -> FleetNews {
        let now = self.now();
        let mut circuit = self.lock();
        let counts = self.fast_path().snapshot(&mut circuit);
        let probes = circuit.take_probe_results(now);
        let stats = counts.add_to(circuit.stats(now));
        self.fast_path().publish(&circuit);
        FleetNews { stats, vote: circuit.votes_open(), probes }
    }

    pub(crate) fn adopt_fleet_state(&self, state: FleetState) {
        let now = self.now();
        let change = {
            let mut circuit = self.lock();
            self.fast_path().report(&mut circuit);
            let change = circuit.adopt(state, now);
            self.fast_path().publish(&circuit);
            change
        };
        if let Some(change) = change {
            self.report(&change);
        }
    }

    pub(crate) fn grant_lease(&self, lease: Lease) {
        let now = self.now();
        self.lock().grant(lease, now);
        self.admission_possible().notify_waiters();
    }

    fn order(&self, order: Order) {
        let now = self.now();
        let (change, was_shadow, is_shadow) = {
            let mut circuit = self.lock();
            let was_shadow = circuit.is_shadow();
            self.fast_path().report(&mut circuit);
            let change = circuit.apply_order(order, now);
            self.fast_path().publish(&circuit);
            (change, was_shadow, circuit.is_shadow())
        };
        if let Some(change) = change {
            self.report(&change);
        }
        if was_shadow != is_shadow {
            // Shadow mode admits calls without a state change.
            self.admission_possible().notify_waiters();
            events::shadow(self.name(), is_shadow);
        }
    }
}
