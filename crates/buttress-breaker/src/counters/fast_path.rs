//! `FastPath`: admits calls to a closed circuit and counts their successes, without the circuit's lock.

use std::num::NonZero;

use crate::circuit::Circuit;
use crate::circuit::pass::NO_EPOCH;
use crate::circuit::stats::BreakerStats;
use crate::circuit::time::{NEVER, Nanos};
use crate::counters::shards::{NewSuccesses, OwnShard, Shards};
use crate::counters::sync::{AtomicU64, Ordering};

/// What calls need of the circuit, published under its lock, and the counters of calls that did not take it.
///
/// A call only reads and counts here. A call that reads an epoch which has just ended is the same as a call that was admitted
/// just before the end: its result is late, and changes nothing. So no memory ordering is needed beyond that of the lock, under
/// which everything is decided that can change the state.
///
/// Every call reads it and only a change writes it, so it has its own cache lines.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct FastPath {
    published: Published,
    shards: Shards,
}

/// The counts of calls that the circuit does not see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastCounts {
    admitted: u64,
    refused: u64,
}

impl FastCounts {
    /// Adds them to the counts of the circuit.
    pub(crate) const fn add_to(self, stats: BreakerStats) -> BreakerStats {
        let (admitted, rejected) = (stats.admitted + self.admitted, stats.rejected + self.refused);
        BreakerStats { admitted, rejected, ..stats }
    }
}

#[derive(Debug, Default)]
struct Published {
    /// The [`PackedEpoch`] while every call may pass, else [`NO_EPOCH`].
    admit_all: AtomicU64,
    /// The [`PackedEpoch`] while no success can break a rule, else [`NO_EPOCH`].
    success_is_inert: AtomicU64,
    /// The epoch while the circuit is open and refuses every call until a time that does not change, else [`NO_EPOCH`].
    refuse_all: AtomicU64,
    /// When the window slides, and must receive the successes until then.
    next_slide: AtomicU64,
    /// The time beyond which a call is slow.
    slow_call: AtomicU64,
    /// How long a dropped call must have waited to count as a failure.
    abandon_after: AtomicU64,
}

/// An epoch and, in the lowest bit, whether even a successful call needs a time: one word with all that most calls need.
#[derive(Clone, Copy)]
pub(crate) struct PackedEpoch(u64);

impl PackedEpoch {
    const fn new(epoch: u64, timed: bool) -> Self {
        Self(if epoch == NO_EPOCH { NO_EPOCH } else { epoch << 1 | timed as u64 })
    }

    const fn epoch(self) -> u64 {
        self.0 >> 1
    }

    /// Returns `true` if it has this epoch, and its calls need no time.
    pub(crate) const fn is_untimed(self, epoch: u64) -> bool {
        self.0 == epoch << 1
    }

    pub(crate) const fn is_timed(self) -> bool {
        self.0 & 1 == 1
    }
}

impl FastPath {
    pub(crate) fn new(circuit: &Circuit, shards: Shards) -> Self {
        let fast_path = Self { published: Published::default(), shards };
        fast_path.publish(circuit);
        fast_path
    }

    /// Publishes the state of the circuit. Needs the lock, after everything that may have changed the circuit.
    pub(crate) fn publish(&self, circuit: &Circuit) {
        let (next_slide, slow_call) = (circuit.next_slide(), circuit.slow_call());
        let timed = next_slide.min(slow_call) != NEVER;
        let published = &self.published;
        set(&published.next_slide, next_slide);
        set(&published.slow_call, slow_call);
        set(&published.abandon_after, circuit.abandon_after());
        set(&published.success_is_inert, PackedEpoch::new(circuit.inert_success_epoch(), timed).0);
        set(&published.refuse_all, circuit.refuse_all_epoch());
        set(&published.admit_all, PackedEpoch::new(circuit.admit_all_epoch(), timed).0);
    }

    /// Returns `true` if the circuit admitted every call a moment ago.
    #[inline]
    pub(crate) fn admits_all(&self) -> bool {
        self.admit_all().0 != NO_EPOCH
    }

    /// Returns `true` if this is the epoch of a circuit that refuses every call.
    pub(crate) fn refuses_all(&self, epoch: u64) -> bool {
        self.published.refuse_all.load(Ordering::Relaxed) == epoch
    }

    /// Returns the epoch while the circuit admits every call.
    #[inline]
    pub(crate) fn admit_all(&self) -> PackedEpoch {
        // Relaxed: a call that reads an old epoch is admitted with it, or asks under the lock.
        PackedEpoch(self.published.admit_all.load(Ordering::Relaxed))
    }

    /// Returns the epoch while no success can break a rule.
    #[inline]
    pub(crate) fn success_is_inert(&self) -> PackedEpoch {
        PackedEpoch(self.published.success_is_inert.load(Ordering::Relaxed))
    }

    /// Returns what a thread needs to count an untimed call that begins and ends on it: its shard, and the epoch.
    #[inline]
    pub(crate) fn untimed(&self, slot: usize) -> Option<(&OwnShard, u64)> {
        let admit_all = self.admit_all();
        let epoch = admit_all.epoch();
        if admit_all.is_timed() || epoch == NO_EPOCH { None } else { Some((self.shards.own(slot)?, epoch)) }
    }

    /// Counts an admitted call and returns its epoch, if the circuit admits every call.
    #[inline]
    pub(crate) fn admit(&self, admit_all: PackedEpoch, slot: usize) -> Option<NonZero<u64>> {
        let epoch = NonZero::new(admit_all.epoch())?;
        self.shards.admit(slot).then_some(epoch)
    }

    /// Counts the success of a call of this epoch. Returns `false` if the circuit must see it.
    #[inline]
    pub(crate) fn succeed(&self, inert: PackedEpoch, slot: usize, epoch: u64) -> bool {
        inert.epoch() == epoch && self.shards.succeed(slot, epoch)
    }

    /// Adds the successes that were counted here to the circuit. Needs the lock, before anything else changes the circuit.
    pub(crate) fn report(&self, circuit: &mut Circuit) {
        let NewSuccesses { current, late } = self.shards.collect(circuit.epoch());
        circuit.add_successes(current, late);
    }

    /// Lets this thread count the successes of the circuit's epoch. Needs the lock, after a [`report`](Self::report).
    pub(crate) fn allow_fast_count(&self, slot: usize, circuit: &Circuit) {
        self.shards.allow_fast_count(slot, circuit.epoch());
    }

    /// Counts a refused call. Returns `false` if the circuit must count it.
    pub(crate) fn refuse(&self, slot: usize) -> bool {
        self.shards.refuse(slot)
    }

    /// Reports the successes, and returns the other counts of the same moment as far as possible. Other threads go on counting:
    /// counts are of one moment if no call has succeeded meanwhile. After some attempts, a few successes are accepted.
    pub(crate) fn snapshot(&self, circuit: &mut Circuit) -> FastCounts {
        let mut counts = FastCounts::default();
        for accepted in [0, 0, 0, 0, 16, 64, 256, u64::MAX] {
            self.report(circuit);
            counts.admitted = self.shards.admitted();
            if self.shards.uncollected() <= accepted {
                break;
            }
        }
        counts.refused = self.shards.refused();
        counts
    }

    /// Returns `true` if it matters how long a dropped call has waited.
    pub(crate) fn times_dropped_calls(&self) -> bool {
        self.published.abandon_after.load(Ordering::Relaxed) != NEVER
    }

    /// Returns `true` if the window slides at this time.
    pub(crate) fn slides(&self, now: Nanos) -> bool {
        now >= self.published.next_slide.load(Ordering::Relaxed)
    }

    /// Returns the time beyond which a call is slow, or [`NEVER`].
    #[inline]
    pub(crate) fn slow_call(&self) -> Nanos {
        self.published.slow_call.load(Ordering::Relaxed)
    }
}

/// Writes only a new value, so that the cache lines of other processors stay valid.
fn set(published: &AtomicU64, value: u64) {
    if published.load(Ordering::Relaxed) != value {
        published.store(value, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(buttress_loom)))]
mod tests {
    use super::*;
    use crate::circuit::builder::BreakerBuilder;
    use crate::circuit::orders::Order;
    use crate::circuit::settings::Settings;

    /// [S19] a thread counts inert successes of a closed circuit without the lock once the circuit has allowed it, which it must
    /// do again in the next epoch. A thread without a shard never counts without the lock.
    #[test]
    fn inert_successes_need_no_lock() {
        let mut circuit = Circuit::new("db".into(), Settings::new(BreakerBuilder::new("db".into())));
        let fast_path = FastPath::new(&circuit, Shards::new(1, 0));
        assert_eq!(fast_path.admit(fast_path.admit_all(), 0), NonZero::new(1));
        assert!(!fast_path.succeed(fast_path.success_is_inert(), 0, 1));
        fast_path.report(&mut circuit);
        fast_path.allow_fast_count(0, &circuit);
        assert!(fast_path.succeed(fast_path.success_is_inert(), 0, 1));
        circuit.apply_order(Order::Reset, 0);
        assert!(fast_path.succeed(fast_path.success_is_inert(), 0, 1), "the reset is not published");
        fast_path.publish(&circuit);
        assert_eq!(fast_path.admit(fast_path.admit_all(), 0), NonZero::new(2));
        assert!(
            !fast_path.succeed(fast_path.success_is_inert(), 0, 1)
                && !fast_path.succeed(fast_path.success_is_inert(), 0, 2)
        );
        let stats = fast_path.snapshot(&mut circuit).add_to(circuit.stats(0));
        assert_eq!((stats.admitted, stats.succeeded, stats.late), (2, 0, 2));
        assert_eq!((fast_path.admit(fast_path.admit_all(), 1), fast_path.refuse(1)), (None, false));
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::*;
    use crate::circuit::Admission;
    use crate::circuit::builder::BreakerBuilder;
    use crate::circuit::open_wait::OpenWait;
    use crate::circuit::orders::Order;
    use crate::circuit::outcome::Outcome;
    use crate::circuit::pass::Pass;
    use crate::circuit::settings::Settings;
    use crate::circuit::state::State;
    use crate::circuit::window::Window;

    struct Model {
        fast_path: FastPath,
        circuit: Mutex<Circuit>,
    }

    /// Slot 0 has its own shard, slot 1 a shared one.
    impl Model {
        fn new(settings: Settings) -> Arc<Self> {
            let circuit = Circuit::new("model".into(), settings);
            Arc::new(Self {
                fast_path: FastPath::new(&circuit, Shards::new(1, 1)),
                circuit: Mutex::new(circuit),
            })
        }

        /// On the fast path if it admits every call, else under the lock.
        fn admit(&self, slot: usize) -> Option<Pass> {
            if let Some(epoch) = self.fast_path.admit(self.fast_path.admit_all(), slot) {
                return Some(Pass::without_ticket(epoch.get(), 0));
            }
            let mut circuit = self.circuit.lock().unwrap();
            loop {
                match circuit.admit(0) {
                    Admission::Pass(pass) => return Some(pass),
                    Admission::Refuse(_) => return None,
                    Admission::Transition(transition) => {
                        circuit.apply(transition, 0, 0.5);
                        self.fast_path.publish(&circuit);
                    }
                }
            }
        }

        fn settle(&self, slot: usize, pass: &Pass, outcome: Outcome) {
            if outcome == Outcome::Success
                && !pass.has_ticket()
                && self.fast_path.succeed(self.fast_path.success_is_inert(), slot, pass.epoch())
            {
                return;
            }
            let mut circuit = self.circuit.lock().unwrap();
            self.fast_path.report(&mut circuit);
            if let Some(transition) = circuit.settle(pass, outcome, Some(0), &mut None) {
                circuit.apply(transition, 0, 0.5);
            }
            if outcome == Outcome::Success {
                self.fast_path.allow_fast_count(slot, &circuit);
            }
            self.fast_path.publish(&circuit);
        }

        fn call(&self, slot: usize, outcome: Outcome) -> u64 {
            let pass = self.admit(slot);
            if let Some(pass) = &pass {
                self.settle(slot, pass, outcome);
            }
            u64::from(pass.is_some())
        }

        fn apply_order(&self, order: Order) {
            let mut circuit = self.circuit.lock().unwrap();
            self.fast_path.report(&mut circuit);
            circuit.apply_order(order, 0);
            self.fast_path.publish(&circuit);
        }

        fn read(&self) -> BreakerStats {
            let mut circuit = self.circuit.lock().unwrap();
            self.fast_path.snapshot(&mut circuit).add_to(circuit.stats(0))
        }

        /// After all threads: every call is settled once, and the fast path agrees with the circuit.
        fn check(&self, calls: u64) -> (State, BreakerStats) {
            let stats = self.read();
            let circuit = self.circuit.lock().unwrap();
            assert_eq!(self.fast_path.admits_all(), circuit.state().is_closed());
            assert_eq!((stats.admitted, stats.in_flight()), (calls, 0), "{stats:?}");
            (circuit.state(), stats)
        }
    }

    fn settings(failures: u32) -> Settings {
        Settings::new(BreakerBuilder::new("model".into()).window(Window::consecutive(failures)))
    }

    /// [S23] in every interleaving of calls with a trip and an order: no result of an epoch counts in another, every
    /// admitted call is settled once, and the fast path agrees with the circuit.
    #[test]
    fn no_result_crosses_an_epoch() {
        loom::model(|| {
            let model = Model::new(settings(1));
            let failing = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Outcome::Failure))
            };
            let ordering = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.apply_order(Order::Reset))
            };
            let mut calls = model.call(0, Outcome::Success);
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
            let mut calls = model.call(1, Outcome::Success) + model.call(1, Outcome::Success);
            let succeeding = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Outcome::Success) + model.call(1, Outcome::Success))
            };
            model.apply_order(Order::Reset);
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
            model.call(1, Outcome::Success);
            let succeeding = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let call = || {
                        let pass = model.admit(1).expect("closed");
                        model.settle(1, &pass, Outcome::Success);
                        pass.epoch()
                    };
                    [call(), call()]
                })
            };
            model.apply_order(Order::Reset);
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
            model.call(0, Outcome::Success);
            let failing = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Outcome::Failure))
            };
            let mut calls = 1 + model.call(0, Outcome::Success);
            calls += failing.join().unwrap();
            calls += model.call(0, Outcome::Success);
            let (state, stats) = model.check(calls);
            assert!(state.is_open(), "{stats:?}");
        });
    }

    /// [S25] a reader of the counts sees no result of a call that has not been admitted.
    #[test]
    fn no_result_before_its_admission() {
        loom::model(|| {
            let model = Model::new(settings(2));
            model.call(1, Outcome::Success);
            let reader = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    let stats = model.read();
                    assert!(stats.admitted >= stats.succeeded, "{stats:?}");
                })
            };
            let calls = 1 + model.call(1, Outcome::Success) + model.call(1, Outcome::Success);
            reader.join().unwrap();
            model.check(calls);
        });
    }

    /// [S20] a success between two failures breaks the streak in whatever way it was counted; no transition is lost.
    #[test]
    fn a_success_breaks_the_streak() {
        loom::model(|| {
            let model = Model::new(settings(2));
            model.call(0, Outcome::Success);
            let other = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.call(1, Outcome::Failure))
            };
            let mut calls = 1 + model.call(0, Outcome::Success);
            calls += model.call(0, Outcome::Failure);
            calls += other.join().unwrap();
            let (state, stats) = model.check(calls);
            assert_eq!(state.is_closed(), stats.window.failed < 2, "{stats:?}");
        });
    }

    /// [S22] threads never admit more calls to a half-open round than it has probes.
    #[test]
    fn probes_are_exact() {
        loom::model(|| {
            let builder = BreakerBuilder::new("model".into()).window(Window::consecutive(1)).probes(1);
            let model = Model::new(Settings::new(
                builder.open_wait(OpenWait::new(std::time::Duration::from_nanos(1)).jitter(0.0)),
            ));
            model.call(0, Outcome::Failure);
            let ask = |model: &Model| match model.circuit.lock().unwrap().admit(1) {
                Admission::Transition(transition) => Some(transition),
                _ => None,
            };
            let transition = ask(&model).expect("the wait is over");
            {
                let mut circuit = model.circuit.lock().unwrap();
                circuit.apply(transition, 1, 0.5);
                model.fast_path.publish(&circuit);
            }
            let other = {
                let model = Arc::clone(&model);
                thread::spawn(move || model.admit(1))
            };
            let passes = [model.admit(0), other.join().unwrap()];
            assert_eq!(passes.iter().flatten().count(), 1);
            for pass in passes.iter().flatten() {
                model.settle(0, pass, Outcome::Success);
            }
            let (state, _) = model.check(2);
            assert!(state.is_closed());
        });
    }
}
