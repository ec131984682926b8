//! The part of the handle that watches and orders.

use crate::state::Order;
use crate::{Breaker, State, Stats, Subscription, events};

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

    /// What it has counted, all at one moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let now = self.now();
        self.lock().stats(now, self.gate().passed())
    }

    /// Refuses all calls until [`release`](Self::release) or [`reset`](Self::reset), however long that is.
    pub fn force_open(&self) {
        self.obey(Order::ForceOpen);
    }

    /// Admits all calls, counts them and never opens, until [`release`](Self::release) or [`reset`](Self::reset).
    pub fn disable(&self) {
        self.obey(Order::Disable);
    }

    /// Goes on deciding and telling, but refuses nothing, until [`release`](Self::release) or another order. Calls
    /// that it would have refused are counted as [`shadowed`](Stats::shadowed), and their outcomes are not.
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

    /// Watches the state. Subscribers are told after the decision, with no lock held.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(self.watch())
    }

    fn obey(&self, order: Order) {
        let now = self.now();
        let (change, shadow) = {
            let mut circuit = self.lock();
            let before = circuit.is_shadow();
            let change = circuit.obey(order, now);
            self.gate().follow(&circuit);
            (change, (before, circuit.is_shadow()))
        };
        self.tell(change);
        if shadow.0 != shadow.1 {
            events::shadow(self.name(), shadow.1);
        }
    }
}
