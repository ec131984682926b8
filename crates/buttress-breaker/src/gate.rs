//! `Gate`: what lets calls into a closed circuit without its lock.

use crate::state::Circuit;
use crate::sync::{AtomicU64, Ordering};

/// The epoch of the circuit while it is closed, copied here under its lock, and the number of calls that took it.
///
/// It only reads and counts. A call that takes an epoch which has just ended is as one that was admitted just before
/// the end: its result comes late, and changes nothing. So no ordering is needed beyond that of the lock, under which
/// everything is settled.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Zero, which is no epoch, while the circuit is not closed.
    epoch: AtomicU64,
    passed: AtomicU64,
}

impl Gate {
    pub(crate) fn new(circuit: &Circuit) -> Self {
        Self { epoch: AtomicU64::new(circuit.closed_epoch()), passed: AtomicU64::new(0) }
    }

    /// Called under the lock, after whatever may have changed the state.
    pub(crate) fn follow(&self, circuit: &Circuit) {
        // Relaxed: who reads the old value passes with the old epoch, or asks under the lock.
        self.epoch.store(circuit.closed_epoch(), Ordering::Relaxed);
    }

    /// Was the circuit closed a moment ago?
    pub(crate) fn is_open(&self) -> bool {
        self.epoch.load(Ordering::Relaxed) != 0
    }

    /// The epoch to pass with, if the circuit is closed.
    pub(crate) fn pass(&self) -> Option<u64> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        if epoch == 0 {
            return None;
        }
        // Relaxed: a count; that of a call comes before its result, which takes the lock.
        self.passed.fetch_add(1, Ordering::Relaxed);
        Some(epoch)
    }

    /// How many calls have passed.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::*;
    use crate::state::{Answer, Mark, Order, Pass};
    use crate::{Breaker, Window};

    /// A call that goes through the gate, or through the lock where the gate is shut.
    fn call(gate: &Gate, circuit: &Mutex<Circuit>, mark: Mark) -> bool {
        let pass = match gate.pass() {
            Some(epoch) => Pass::closed(epoch, 0),
            None => match circuit.lock().unwrap().admit(0) {
                Answer::Pass(pass) => pass,
                _ => return false,
            },
        };
        let mut circuit = circuit.lock().unwrap();
        if let Some(due) = circuit.settle(&pass, mark, Some(0), &mut None) {
            circuit.turn(due, 0, 0.5);
            gate.follow(&circuit);
        }
        true
    }

    /// In every interleaving of calls with a trip and an order: no result of an epoch is counted in another, every call
    /// that passed is settled once, and once all is quiet the gate agrees with the circuit.
    #[test]
    fn no_result_crosses_an_epoch() {
        loom::model(|| {
            let settings = Breaker::builder("model").window(Window::consecutive(1)).settings();
            let circuit = Circuit::new(settings);
            let gate = Arc::new(Gate::new(&circuit));
            let circuit = Arc::new(Mutex::new(circuit));
            let failing = {
                let (gate, circuit) = (Arc::clone(&gate), Arc::clone(&circuit));
                thread::spawn(move || u64::from(call(&gate, &circuit, Mark::Failure)))
            };
            let ordering = {
                let (gate, circuit) = (Arc::clone(&gate), Arc::clone(&circuit));
                thread::spawn(move || {
                    let mut circuit = circuit.lock().unwrap();
                    circuit.obey(Order::Reset, 0);
                    gate.follow(&circuit);
                })
            };
            let mut calls = u64::from(call(&gate, &circuit, Mark::Success));
            calls += failing.join().unwrap();
            ordering.join().unwrap();

            let mut circuit = circuit.lock().unwrap();
            let stats = circuit.stats(0, gate.passed());
            assert_eq!(gate.is_open(), circuit.state().is_closed());
            assert_eq!((stats.admitted, stats.in_flight()), (calls, 0), "{stats:?}");
            // A circuit that opened did so at a failure of its own epoch; one that was reset has forgotten all.
            assert!(circuit.state().is_closed() || stats.failed == 1, "{stats:?}");
        });
    }
}
