//! The part of the handle that watches and orders.

use std::sync::Arc;

use buttress_error::ConfigError;

use crate::breaker::subscription::Subscription;
use crate::breaker::{Breaker, events};
use crate::circuit::builder::BreakerBuilder;
use crate::circuit::change::State;
use crate::circuit::lease::{FleetState, Lease, ProbeResult};
use crate::circuit::orders::Order;
use crate::circuit::settings::Settings;
use crate::circuit::stats::BreakerStats;

impl Breaker {
    /// The state, as the latest call or order left it: an open circuit becomes half-open at the first call after its
    /// wait, not by itself.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().state()
    }

    /// Does the circuit only pretend? See [`shadow`](Self::shadow).
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.lock().is_shadow()
    }

    /// What it has counted, at one moment. (Calls of other threads that end while it looks may be counted as in flight.)
    #[must_use]
    pub fn stats(&self) -> BreakerStats {
        let now = self.now();
        let mut circuit = self.lock();
        let stats = self.gate().look(&mut circuit).complete(circuit.stats(now));
        self.gate().follow(&circuit);
        stats
    }

    /// Refuses all calls until [`release`](Self::release), [`reset`](Self::reset) or another order, however long that is.
    pub fn force_open(&self) {
        self.obey(Order::ForceOpen);
    }

    /// Admits all calls, counts them and never opens, until [`release`](Self::release), [`reset`](Self::reset) or another
    /// order.
    pub fn disable(&self) {
        self.obey(Order::Disable);
    }

    /// Takes every other order back, goes on deciding and telling, but refuses nothing, until [`release`](Self::release) or another order. Calls
    /// that it would have refused are counted as [`shadowed`](BreakerStats::shadowed), and their outcomes are not.
    pub fn shadow(&self) {
        self.obey(Order::Shadow);
    }

    /// Takes back [`force_open`](Self::force_open) and [`disable`](Self::disable): the circuit is closed, with an empty
    /// window. Takes back [`shadow`](Self::shadow): the circuit is as it pretended to be. Does nothing else.
    pub fn release(&self) {
        self.obey(Order::Release);
    }

    /// Closes the circuit, whatever its state, with an empty window and the first wait ahead, and takes every order
    /// back. The counts of its life stay.
    pub fn reset(&self) {
        self.obey(Order::Reset);
    }

    /// Its present settings: change what is to change, and [reconfigure](Self::reconfigure) it.
    pub fn settings(&self) -> BreakerBuilder {
        self.lock().settings().source.clone()
    }

    /// Gives it other settings, now. Its name stays, and so do state, epoch, the growth of the wait, failures in a row, and
    /// the counts of its life.
    ///
    /// What a window knows stays too. A window of the same kind and size as before keeps all of it. One of the same kind but
    /// another size begins with what the largest old one of its kind knew: a number of calls with the last of them,
    /// exactly; a time with the old buckets that lie in it, each placed where it began. A window of a kind that there was
    /// not begins empty.
    ///
    /// Rules that are already broken open a closed circuit at its next result, not at once. The wait of an open circuit ends
    /// when it would have ended, and a round of probes ends by the settings with which it began. A rule about calls that
    /// are stuck sees the calls from now on, and those under way if there was such a rule before.
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
    /// [`ConfigError`] for the first setting that is out of its range. Then nothing has changed.
    pub fn reconfigure(&self, settings: BreakerBuilder) -> Result<(), ConfigError> {
        settings.check()?;
        let settings = Arc::new(Settings::new(settings));
        let now = self.now();
        let old = {
            let mut circuit = self.lock();
            self.gate().report(&mut circuit);
            let old = circuit.reconfigure(settings, now);
            self.gate().follow(&circuit);
            old
        };
        drop(old);
        events::reconfigured(self.name());
        Ok(())
    }

    /// Watches the state. Subscribers are told after the decision, with no lock held.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(self.watch())
    }

    /// All counts, the vote of this node, and what has become of probes.
    pub(crate) fn fleet_news(&self) -> (BreakerStats, bool, Vec<(Lease, ProbeResult)>) {
        let now = self.now();
        let mut circuit = self.lock();
        let looked = self.gate().look(&mut circuit);
        let probes = circuit.probed(now);
        let stats = looked.complete(circuit.stats(now));
        self.gate().follow(&circuit);
        (stats, circuit.votes(), probes)
    }

    pub(crate) fn fleet_says(&self, state: FleetState) {
        let now = self.now();
        let change = {
            let mut circuit = self.lock();
            self.gate().report(&mut circuit);
            let change = circuit.adopt(state, now);
            self.gate().follow(&circuit);
            change
        };
        self.tell(change);
    }

    pub(crate) fn fleet_grants(&self, lease: Lease) {
        let now = self.now();
        self.lock().grant(lease, now);
        self.turnstile().notify_waiters();
    }

    fn obey(&self, order: Order) {
        let now = self.now();
        let (change, shadow) = {
            let mut circuit = self.lock();
            let before = circuit.is_shadow();
            self.gate().report(&mut circuit);
            let change = circuit.obey(order, now);
            self.gate().follow(&circuit);
            (change, (before, circuit.is_shadow()))
        };
        self.tell(change);
        if shadow.0 != shadow.1 {
            // A shadow lets calls pass without a change of state.
            self.turnstile().notify_waiters();
            events::shadow(self.name(), shadow.1);
        }
    }
}
