//! `Gate`: what lets calls into a closed circuit, and counts their successes, without its lock.

use std::num::NonZero;

use crate::circuit::Circuit;
use crate::circuit::stats::BreakerStats;
use crate::circuit::time::{NEVER, Nanos};
use crate::counters::shards::{Shard, Shards};
use crate::counters::sync::{AtomicU64, Ordering};

/// What calls have to know of the circuit, copied here under its lock.
///
/// It only reads and counts. A call that takes an epoch which has just ended is as one that was admitted just before
/// the end: its result comes late, and changes nothing. So no ordering is needed beyond that of the lock, under which
/// all that can change the state is settled.
///
/// Read by every call, written at changes only: alone on its cache lines.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Gate {
    signs: Signs,
    shards: Shards,
}

/// What is counted here and is of no interest to the circuit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looked {
    passed: u64,
    refused: u64,
}

impl Looked {
    /// Adds it to what the circuit has counted.
    pub(crate) const fn complete(self, stats: BreakerStats) -> BreakerStats {
        let (admitted, rejected) = (stats.admitted + self.passed, stats.rejected + self.refused);
        BreakerStats { admitted, rejected, ..stats }
    }
}

#[derive(Debug, Default)]
struct Signs {
    /// The ticket of the epoch while the circuit admits every call, else zero, which is none.
    open: AtomicU64,
    /// The same while no success can break a rule.
    calm: AtomicU64,
    /// The epoch while the circuit is open and refuses every call until a time that does not change, else zero.
    shut: AtomicU64,
    /// When the window moves on, and has to be told of the successes until then.
    turns: AtomicU64,
    /// A call that takes longer is slow.
    slow: AtomicU64,
    /// A call that is dropped after so long failed.
    abandon_after: AtomicU64,
}

/// An epoch and, in the lowest bit, whether the time of a call matters even if it succeeds: all that most calls have to
/// know, in one word.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

impl Ticket {
    const fn new(epoch: u64, timed: bool) -> Self {
        Self(if epoch == 0 { 0 } else { epoch << 1 | timed as u64 })
    }

    const fn epoch(self) -> u64 {
        self.0 >> 1
    }

    /// Is it of this epoch, whose calls need no time?
    pub(crate) const fn is_plain(self, epoch: u64) -> bool {
        self.0 == epoch << 1
    }

    pub(crate) const fn is_timed(self) -> bool {
        self.0 & 1 == 1
    }
}

impl Gate {
    /// With room for so many threads; others take the lock for every call.
    pub(crate) fn new(circuit: &Circuit, threads: usize) -> Self {
        let gate = Self { signs: Signs::default(), shards: Shards::new(threads) };
        gate.follow(circuit);
        gate
    }

    /// Called under the lock, after whatever may have changed the circuit.
    pub(crate) fn follow(&self, circuit: &Circuit) {
        let (turns, slow) = (circuit.turns_at(), circuit.slow_call());
        let timed = turns.min(slow) != NEVER;
        let signs = &self.signs;
        set(&signs.turns, turns);
        set(&signs.slow, slow);
        set(&signs.abandon_after, circuit.abandon_after());
        set(&signs.calm, Ticket::new(circuit.calm_epoch(), timed).0);
        set(&signs.shut, circuit.shut_epoch());
        set(&signs.open, Ticket::new(circuit.open_epoch(), timed).0);
    }

    /// Did the circuit admit every call a moment ago?
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.signs.open.load(Ordering::Relaxed) != 0
    }

    /// Is this the epoch of a circuit that refuses every call?
    pub(crate) fn is_shut(&self, epoch: u64) -> bool {
        self.signs.shut.load(Ordering::Relaxed) == epoch
    }

    /// The ticket of the epoch while the circuit admits every call.
    #[inline]
    pub(crate) fn open(&self) -> Ticket {
        // Relaxed: who reads an old epoch passes with it, or asks under the lock.
        Ticket(self.signs.open.load(Ordering::Relaxed))
    }

    /// The ticket of the epoch while no success can break a rule.
    #[inline]
    pub(crate) fn calm(&self) -> Ticket {
        Ticket(self.signs.calm.load(Ordering::Relaxed))
    }

    /// What a thread needs to count a call that begins and ends on it, where there is only to count: its shard, and the
    /// epoch.
    #[inline]
    pub(crate) fn counter(&self, slot: usize) -> Option<(&Shard, u64)> {
        let open = self.open();
        if open.is_timed() || open.epoch() == 0 { None } else { Some((self.shards.of(slot)?, open.epoch())) }
    }

    /// The epoch to pass with, if `open` is of a circuit that admits every call; counts the call.
    #[inline]
    pub(crate) fn pass(&self, open: Ticket, slot: usize) -> Option<NonZero<u64>> {
        let epoch = NonZero::new(open.epoch())?;
        self.shards.pass(slot).then_some(epoch)
    }

    /// Counts a success of a call that passed with this epoch, if there is only to count, as `calm` says.
    #[inline]
    pub(crate) fn succeed(&self, calm: Ticket, slot: usize, epoch: u64) -> bool {
        calm.epoch() == epoch && self.shards.succeed(slot, epoch)
    }

    /// Tells the circuit of the successes that were counted here. Under the lock, before anything else is told.
    pub(crate) fn report(&self, circuit: &mut Circuit) {
        let taken = self.shards.take(circuit.epoch());
        circuit.succeeded(taken.timely, taken.late);
    }

    /// Lets this thread count the successes of the circuit's epoch. Under the lock, after a [`report`](Self::report).
    pub(crate) fn enlist(&self, slot: usize, circuit: &Circuit) {
        self.shards.enlist(slot, circuit.epoch());
    }

    /// Counts a call that is refused. False: this thread has to take the lock to count.
    pub(crate) fn refuse(&self, slot: usize) -> bool {
        self.shards.refuse(slot)
    }

    /// Reports, and reads the rest of what was counted, at one moment as far as can be: threads go on counting. A look in
    /// which no call succeeded is of one moment. If there is none such, one in which few did will do.
    pub(crate) fn look(&self, circuit: &mut Circuit) -> Looked {
        let mut looked = Looked::default();
        for untaken in [0, 0, 0, 0, 16, 64, 256, u64::MAX] {
            self.report(circuit);
            looked.passed = self.shards.passed();
            if self.shards.untaken() <= untaken {
                break;
            }
        }
        looked.refused = self.shards.refused();
        looked
    }

    /// Does it matter how long a call that is dropped has waited?
    pub(crate) fn is_patient(&self) -> bool {
        self.signs.abandon_after.load(Ordering::Relaxed) != NEVER
    }

    /// Does the window move on at this time?
    pub(crate) fn turns(&self, now: Nanos) -> bool {
        now >= self.signs.turns.load(Ordering::Relaxed)
    }

    /// The limit of a slow call, or [`NEVER`].
    #[inline]
    pub(crate) fn slow_call(&self) -> Nanos {
        self.signs.slow.load(Ordering::Relaxed)
    }
}

/// Leaves the cache lines of other processors alone where nothing changes.
fn set(sign: &AtomicU64, value: u64) {
    if sign.load(Ordering::Relaxed) != value {
        sign.store(value, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(buttress_loom)))]
mod tests {
    use super::*;
    use crate::circuit::builder::BreakerBuilder;
    use crate::circuit::orders::Order;
    use crate::circuit::settings::Settings;

    /// [S19] a thread counts the successes of a calm closed circuit without the lock, once the circuit knows it; in the next
    /// epoch it has to be known anew, and a thread without a shard never is.
    #[test]
    fn calm_successes_need_no_lock() {
        let mut circuit = Circuit::new("db".into(), Settings::new(BreakerBuilder::new("db".into())));
        let gate = Gate::new(&circuit, 1);
        assert_eq!(gate.pass(gate.open(), 0), NonZero::new(1));
        assert!(!gate.succeed(gate.calm(), 0, 1));
        gate.report(&mut circuit);
        gate.enlist(0, &circuit);
        assert!(gate.succeed(gate.calm(), 0, 1));
        circuit.obey(Order::Reset, 0);
        assert!(gate.succeed(gate.calm(), 0, 1), "it has not heard of the reset");
        gate.follow(&circuit);
        assert_eq!(gate.pass(gate.open(), 0), NonZero::new(2));
        assert!(!gate.succeed(gate.calm(), 0, 1) && !gate.succeed(gate.calm(), 0, 2));
        let stats = gate.look(&mut circuit).complete(circuit.stats(0));
        assert_eq!((stats.admitted, stats.succeeded, stats.late), (2, 0, 2));
        assert_eq!((gate.pass(gate.open(), 1), gate.refuse(1)), (None, false));
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::*;
    use crate::circuit::Answer;
    use crate::circuit::builder::BreakerBuilder;
    use crate::circuit::change::{Mark, State};
    use crate::circuit::open_wait::OpenWait;
    use crate::circuit::orders::Order;
    use crate::circuit::pass::Pass;
    use crate::circuit::settings::Settings;
    use crate::circuit::window::Window;

    struct Model {
        gate: Gate,
        circuit: Mutex<Circuit>,
    }

    impl Model {
        fn new(settings: Settings) -> Arc<Self> {
            let circuit = Circuit::new("model".into(), settings);
            Arc::new(Self { gate: Gate::new(&circuit, 2), circuit: Mutex::new(circuit) })
        }

        /// Through the gate, or through the lock where the gate is shut.
        fn admit(&self, slot: usize) -> Option<Pass> {
            if let Some(epoch) = self.gate.pass(self.gate.open(), slot) {
                return Some(Pass::open(epoch.get(), 0));
            }
            let mut circuit = self.circuit.lock().unwrap();
            loop {
                match circuit.admit(0) {
                    Answer::Pass(pass) => return Some(pass),
                    Answer::Refuse(_) => return None,
                    Answer::Due(due) => {
                        circuit.turn(due, 0, 0.5);
                        self.gate.follow(&circuit);
                    }
                }
            }
        }

        fn settle(&self, slot: usize, pass: &Pass, mark: Mark) {
            if mark == Mark::Success
                && pass.is_plain()
                && self.gate.succeed(self.gate.calm(), slot, pass.epoch())
            {
                return;
            }
            let mut circuit = self.circuit.lock().unwrap();
            self.gate.report(&mut circuit);
            if let Some(due) = circuit.settle(pass, mark, Some(0), &mut None) {
                circuit.turn(due, 0, 0.5);
            }
            if mark == Mark::Success {
                self.gate.enlist(slot, &circuit);
            }
            self.gate.follow(&circuit);
        }

        fn call(&self, slot: usize, mark: Mark) -> u64 {
            let pass = self.admit(slot);
            if let Some(pass) = &pass {
                self.settle(slot, pass, mark);
            }
            u64::from(pass.is_some())
        }

        fn obey(&self, order: Order) {
            let mut circuit = self.circuit.lock().unwrap();
            self.gate.report(&mut circuit);
            circuit.obey(order, 0);
            self.gate.follow(&circuit);
        }

        fn read(&self) -> BreakerStats {
            let mut circuit = self.circuit.lock().unwrap();
            self.gate.look(&mut circuit).complete(circuit.stats(0))
        }

        /// Once all is quiet: every call is settled once, and the gate agrees with the circuit.
        fn check(&self, calls: u64) -> (State, BreakerStats) {
            let stats = self.read();
            let circuit = self.circuit.lock().unwrap();
            assert_eq!(self.gate.is_open(), circuit.state().is_closed());
            assert_eq!((stats.admitted, stats.in_flight()), (calls, 0), "{stats:?}");
            (circuit.state(), stats)
        }
    }

    fn settings(failures: u32) -> Settings {
        Settings::new(BreakerBuilder::new("model".into()).window(Window::consecutive(failures)))
    }

    /// [S23] in every interleaving of calls with a trip and an order: no result of an epoch counts in another, every
    /// call that passed is settled once, and the gate follows the circuit.
    #[test]
    fn no_result_crosses_an_epoch() {
        loom::model(|| {
            let model = Model::new(settings(1));
            let failing = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Mark::Failure))
            };
            let ordering = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.obey(Order::Reset))
            };
            let mut calls = model.call(0, Mark::Success);
            calls += failing.join().unwrap();
            ordering.join().unwrap();
            let (state, stats) = model.check(calls);
            // A circuit that opened did so at a failure of its own epoch; one that was reset has forgotten all.
            assert!(state.is_closed() || stats.failed == 1, "{stats:?}");
        });
    }

    /// [S23] successes that are counted without the lock while the circuit is reset are counted once each: in the epoch
    /// of their admission, or as late.
    #[test]
    fn successes_are_counted_once() {
        loom::model(|| {
            let model = Model::new(settings(2));
            // From the second call on, the thread of slot 1 counts without the lock.
            let mut calls = model.call(1, Mark::Success) + model.call(1, Mark::Success);
            let succeeding = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Mark::Success) + model.call(1, Mark::Success))
            };
            model.obey(Order::Reset);
            calls += succeeding.join().unwrap();
            let (_, stats) = model.check(calls);
            assert_eq!(stats.succeeded + stats.late, 4, "{stats:?}");
            assert!(stats.succeeded >= 2, "those before the reset: {stats:?}");
        });
    }

    /// [S23] a success that is counted without the lock while the circuit is reset is in the new window only if its call was
    /// admitted after the reset.
    #[test]
    fn a_window_holds_its_own_epoch() {
        loom::model(|| {
            let model =
                Model::new(Settings::new(BreakerBuilder::new("model".into()).window(Window::count(8))));
            model.call(1, Mark::Success);
            let succeeding = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let call = || {
                        let pass = model.admit(1).expect("closed");
                        model.settle(1, &pass, Mark::Success);
                        pass.epoch()
                    };
                    [call(), call()]
                })
            };
            model.obey(Order::Reset);
            let epochs = succeeding.join().unwrap();
            let (_, stats) = model.check(3);
            let new = epochs.iter().filter(|epoch| **epoch == 2).count();
            assert_eq!(stats.window.total as usize, new, "{epochs:?} {stats:?}");
        });
    }

    /// [S19] no transition is lost: a success that makes up the minimum opens the circuit, or the next one does where it was
    /// counted while the failure before it was.
    #[test]
    fn a_success_may_open() {
        loom::model(|| {
            let builder = BreakerBuilder::new("model".into()).window(Window::count(4)).minimum_calls(3);
            let builder = builder.failure_rate(0.25).consecutive_failures(None);
            let model = Model::new(Settings::new(builder));
            model.call(0, Mark::Success);
            let failing = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Mark::Failure))
            };
            let mut calls = 1 + model.call(0, Mark::Success);
            calls += failing.join().unwrap();
            calls += model.call(0, Mark::Success);
            let (state, stats) = model.check(calls);
            assert!(state.is_open(), "{stats:?}");
        });
    }

    /// [S25] whoever reads the counts in between sees no result of a call that has not been admitted.
    #[test]
    fn no_result_before_its_admission() {
        loom::model(|| {
            let model = Model::new(settings(2));
            model.call(1, Mark::Success);
            let reader = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let stats = model.read();
                    assert!(stats.admitted >= stats.succeeded, "{stats:?}");
                })
            };
            let calls = 1 + model.call(1, Mark::Success) + model.call(1, Mark::Success);
            reader.join().unwrap();
            model.check(calls);
        });
    }

    /// [S20] a success between two failures breaks the streak in whatever way it was counted; no transition is lost.
    #[test]
    fn a_success_breaks_the_streak() {
        loom::model(|| {
            let model = Model::new(settings(2));
            model.call(0, Mark::Success);
            let other = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Mark::Failure))
            };
            let mut calls = 1 + model.call(0, Mark::Success);
            calls += model.call(0, Mark::Failure);
            calls += other.join().unwrap();
            let (state, stats) = model.check(calls);
            assert_eq!(state.is_closed(), stats.window.failed < 2, "{stats:?}");
        });
    }

    /// [S22] admissions of a half-open round are never more than its probes, whoever asks.
    #[test]
    fn probes_are_exact() {
        loom::model(|| {
            let builder = BreakerBuilder::new("model".into()).window(Window::consecutive(1)).probes(1);
            let model = Model::new(Settings::new(
                builder.open_wait(OpenWait::new(std::time::Duration::from_nanos(1)).jitter(0.0)),
            ));
            model.call(0, Mark::Failure);
            let ask = |model: &Model| match model.circuit.lock().unwrap().admit(1) {
                Answer::Due(due) => Some(due),
                _ => None,
            };
            let due = ask(&model).expect("the wait is over");
            {
                let mut circuit = model.circuit.lock().unwrap();
                circuit.turn(due, 1, 0.5);
                model.gate.follow(&circuit);
            }
            let other = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.admit(1))
            };
            let passes = [model.admit(0), other.join().unwrap()];
            assert_eq!(passes.iter().flatten().count(), 1);
            for pass in passes.iter().flatten() {
                model.settle(0, pass, Mark::Success);
            }
            let (state, _) = model.check(2);
            assert!(state.is_closed());
        });
    }
}
