//! How calls are admitted or refused.

use std::num::NonZero;

use crate::breaker::{Breaker, events};
use crate::circuit::Admission;
use crate::circuit::pass::Pass;
use crate::circuit::refusal::{Refusal, Refused, RememberedRefusal};
use crate::circuit::time::{NEVER, Nanos};
use crate::counters::thread_slot;

impl Breaker {
    /// Admits or refuses a call that cannot be dropped before [`begin_wait`](super::call::Call::begin_wait).
    #[inline]
    pub(crate) fn begin(&self) -> Result<Pass, Refused> {
        self.begin_fast().map_or_else(|| self.begin_slow(), Ok)
    }

    /// Admits or refuses a call that may be dropped from now on, so its beginning is known if that matters.
    #[inline]
    pub(crate) fn begin_droppable(&self) -> Result<Pass, Refused> {
        self.begin_droppable_fast().map_or_else(|| self.begin_slow(), Ok)
    }

    #[inline]
    pub(crate) fn begin_droppable_fast(&self) -> Option<Pass> {
        let fast_path = self.fast_path();
        if !fast_path.times_dropped_calls() {
            return self.begin_fast();
        }
        // A refusal reads the clock itself.
        if !fast_path.admits_all() {
            return None;
        }
        let (epoch, at) = self.admit_timed();
        epoch.map(|epoch| Pass::without_ticket(epoch.get(), at))
    }

    /// Admits a call without the lock if the circuit admits every call. Reads the clock only if the windows or the rules need
    /// it.
    #[inline]
    pub(crate) fn begin_fast(&self) -> Option<Pass> {
        let fast_path = self.fast_path();
        let admit_all = fast_path.admit_all();
        let (epoch, at) = if admit_all.is_timed() {
            self.admit_timed()
        } else {
            (fast_path.admit(admit_all, thread_slot::current()), NEVER)
        };
        epoch.map(|epoch| Pass::without_ticket(epoch.get(), at))
    }

    /// Returns the epoch of an admitted call, and the time. Not inline, and two plain numbers, so that the untimed call stays
    /// short.
    #[inline(never)]
    fn admit_timed(&self) -> (Option<NonZero<u64>>, Nanos) {
        let (fast_path, now) = (self.fast_path(), self.now());
        if fast_path.slides(now) {
            self.slide(now);
        }
        (fast_path.admit(fast_path.admit_all(), thread_slot::current()), now)
    }

    #[cold]
    fn slide(&self, now: Nanos) {
        let mut circuit = self.lock();
        self.fast_path().report(&mut circuit);
        circuit.slide(now);
        self.fast_path().publish(&circuit);
    }

    /// Asks the circuit for admission. Counts and reports a refusal.
    #[cold]
    pub(crate) fn begin_slow(&self) -> Result<Pass, Refused> {
        self.request_admission().inspect_err(|refused| self.count_refused(&refused.refusal, refused.at))
    }

    /// Asks the circuit for admission.
    pub(crate) fn request_admission(&self) -> Result<Pass, Refused> {
        thread_slot::claim();
        let now = self.now();
        loop {
            let mut circuit = self.lock();
            let transition = match circuit.admit(now) {
                Admission::Pass(pass) => return Ok(pass),
                Admission::Refuse(refusal) => return Err(Refused { refusal, at: now }),
                Admission::Transition(transition) => transition,
            };
            let change = self.apply(&mut circuit, transition, now);
            drop(circuit);
            self.report(&change);
        }
    }

    /// Returns the time if a call would be refused now, and leaves the refusal in `remembered`, which its caller keeps for the
    /// next time. For `poll_ready`.
    #[inline]
    pub(crate) fn refuses(&self, remembered: &mut Option<RememberedRefusal>) -> Option<Nanos> {
        // If the state is stale, this costs one poll of the inner service before `call` refuses, or one lock.
        if self.fast_path().admits_all() { None } else { self.refuses_now(remembered) }
    }

    #[cold]
    fn refuses_now(&self, remembered: &mut Option<RememberedRefusal>) -> Option<Nanos> {
        let now = self.now();
        let still_holds =
            |refusal: &RememberedRefusal| refusal.holds(now) && self.fast_path().refuses_all(refusal.epoch);
        if remembered.as_ref().is_some_and(still_holds) {
            return Some(now);
        }
        let mut circuit = self.lock();
        if let Some(transition) = circuit.overdue(now) {
            let change = self.apply(&mut circuit, transition, now);
            drop(circuit);
            self.report(&change);
            return self.refuses_now(remembered);
        }
        let (refusal, epoch) = (circuit.refusal(now), circuit.refuse_all_epoch());
        drop(circuit);
        // The old refusal holds an error of the caller, which is dropped here, outside the lock.
        *remembered = refusal.map(|refusal| RememberedRefusal { epoch, refusal });
        remembered.is_some().then_some(now)
    }

    /// Counts and reports a call that is refused.
    pub(crate) fn count_refused(&self, refusal: &Refusal, at: Nanos) {
        if !self.fast_path().refuse(thread_slot::current()) {
            self.lock().count_refused();
        }
        events::rejected(self.name(), refusal, at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::breaker::Breaker;
    use crate::circuit::window::Window;

    /// A permit may be dropped at any time, so its beginning must be known, unless dropped calls never count.
    #[test]
    fn a_permit_has_a_time_unless_dropped_calls_never_count() {
        let is_timed = |wait| {
            let builder = Breaker::builder("db").window(Window::count(10)).abandon_after(wait);
            builder.build().unwrap().begin_droppable().unwrap().is_timed()
        };
        assert!(is_timed(Duration::from_secs(1)));
        assert!(!is_timed(Duration::MAX));
    }
}
