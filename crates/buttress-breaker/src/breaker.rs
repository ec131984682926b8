//! `Breaker`: the handle, and what surrounds the plain value: clock, lock, randomness.

mod admission;
mod build;
pub(crate) mod call;
pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod guarded;
pub(crate) mod permit;
mod settlement;
pub(crate) mod subscription;
pub(crate) mod wait;
mod waiting;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use buttress_error::handle::{Handle, SharedState};
use buttress_error::{ByKind, Classified, Classifier, Rejection};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::breaker::call::{AbandonOnDrop, Call, CallGuard};
use crate::breaker::permit::Permit;
use crate::circuit::Circuit;
use crate::circuit::builder::BreakerBuilder;
use crate::circuit::pass::Pass;
use crate::circuit::settings::Settings;
use crate::circuit::state::State;
use crate::circuit::time::{NEVER, Nanos, nanos};
use crate::circuit::transition::{StateChange, Transition};
use crate::counters::fast_path::FastPath;
use crate::counters::shards::Shards;
use crate::counters::thread_slot;

/// A circuit breaker: it counts how calls end, refuses calls while the dependency fails, and probes until it works again.
///
/// Clones share one circuit, and so do all layers and services made from it. Use it as a tower layer
/// ([`BreakerLayer`](crate::BreakerLayer)), around a closure ([`call`](Self::call)), or by hand
/// ([`admit`](Self::admit)).
///
/// ```
/// use buttress_breaker::Breaker;
/// use buttress_error::{Error, Kind};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// async fn charge() -> Result<u32, Error> {
///     Err(Error::new(Kind::Unavailable, "gateway is down"))
/// }
///
/// let gateway = Breaker::new("gateway");
/// for _ in 0..5 {
///     let _ = gateway.call(charge).await;
/// }
/// let refused = gateway.call(charge).await.unwrap_err();
/// assert_eq!(refused.kind(), Kind::Rejected);
/// assert!(refused.to_string().starts_with("gateway: circuit open"));
/// # }
/// ```
#[derive(Clone)]
pub struct Breaker {
    shared: Handle<Shared>,
}

struct Shared {
    name: Arc<str>,
    /// Zero of the circuit's time.
    origin: Instant,
    fast_path: FastPath,
    circuit: Mutex<Circuit>,
    /// The state and its epoch, which tells a late report from a new one. It is large, and most keyed breakers have no
    /// subscriber, so the first subscriber makes it.
    watch: OnceLock<watch::Sender<(u64, State)>>,
    /// Notified whenever a call that was refused may be admitted, except when only time has passed.
    admission_possible: Notify,
}

/// How many threads count without contention.
#[derive(Clone, Copy)]
enum Threads {
    /// As many as this machine runs, with 128 bytes for each.
    Many,
    /// Few: they share one counter of 128 bytes.
    Few,
}

impl Breaker {
    /// Creates a breaker with the default settings, listed at [`BreakerBuilder`].
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).unchecked()
    }

    /// Returns a builder with the default settings.
    pub fn builder(name: impl Into<Arc<str>>) -> BreakerBuilder {
        BreakerBuilder::new(name.into())
    }

    pub(crate) fn with_settings(name: Arc<str>, settings: Settings) -> Self {
        Self::for_threads(Threads::Many, name, Arc::new(settings))
    }

    /// Creates a closed breaker with the settings of this one.
    pub(crate) fn with_same_settings(&self, name: Arc<str>) -> Self {
        Self::for_threads(Threads::Many, name, Arc::clone(self.lock().settings()))
    }

    /// Creates a closed breaker with the settings of this one for the calls of one key, which come from few threads.
    pub(crate) fn for_key(&self, name: Arc<str>) -> Self {
        Self::for_threads(Threads::Few, name, Arc::clone(self.lock().settings()))
    }

    fn for_threads(threads: Threads, name: Arc<str>, settings: Arc<Settings>) -> Self {
        let circuit = Circuit::new(Arc::clone(&name), settings);
        let shards = match threads {
            Threads::Many => Shards::new(thread_slot::own_slots(), thread_slot::shared_shards()),
            Threads::Few => Shards::new(0, 1),
        };
        let shared = Shared {
            name,
            origin: Instant::now(),
            fast_path: FastPath::new(&circuit, shards),
            circuit: Mutex::new(circuit),
            watch: OnceLock::new(),
            admission_possible: Notify::new(),
        };
        Self { shared: Handle::new(shared) }
    }

    /// Returns its name, which events and rejections show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Asks for admission of a call now. Report the outcome of the call to the [`Permit`].
    ///
    /// ```
    /// use buttress_breaker::Breaker;
    /// use buttress_error::{Kind, Rejection};
    ///
    /// # fn main() -> Result<(), Rejection> {
    /// let gateway = Breaker::new("gateway");
    /// let permit = gateway.admit()?;
    /// match std::fs::read("/no/such/device") {
    ///     Ok(_) => permit.success(),
    ///     Err(error) => permit.failure(&error), // a kind will do too
    /// }
    /// gateway.admit()?.failure(Kind::Unavailable);
    /// assert_eq!(gateway.stats().window.failed, 1, "a missing file is no outage");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Rejection`] while the circuit is open, forced open, or half-open with all probes in flight, and for calls that a
    /// [ramp](BreakerBuilder::ramp) refuses.
    pub fn admit(&self) -> Result<Permit, Rejection> {
        let pass = self.begin_droppable().map_err(Rejection::from)?;
        Ok(Permit::new(CallGuard::new(self.clone(), pass)))
    }

    /// Makes a call if the circuit admits it. The class of the error judges the outcome.
    ///
    /// An error type that cannot hold a [`Rejection`] needs [`guarded`](Self::guarded).
    ///
    /// # Errors
    /// The error of the call, or a [`Rejection`].
    ///
    /// # Cancel safety
    /// Nothing happens before the first poll. If it is dropped later, the call is abandoned: see [`Permit`].
    pub async fn call<F, Fut, T, E>(&self, make: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection> + Classified,
    {
        self.call_with(ByKind, make).await
    }

    /// Makes a blocking call if the circuit admits it: [`call`](Self::call) for code that is not async.
    ///
    /// An `io::Error` holds a rejection as its inner error. Other error types that cannot hold one need
    /// [`guarded`](Self::guarded).
    ///
    /// ```
    /// use buttress_breaker::Breaker;
    /// use buttress_error::Error;
    ///
    /// # fn main() -> Result<(), Error> {
    /// fn read(path: &str) -> Result<String, Error> {
    ///     Ok(std::fs::read_to_string(path)?)
    /// }
    ///
    /// let disk = Breaker::new("disk");
    /// assert!(disk.call_blocking(|| read("/no/such/file")).is_err());
    /// assert_eq!(disk.stats().window.failed, 0, "a missing file is no outage");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The error of the call, or a [`Rejection`].
    #[inline]
    pub fn call_blocking<F, T, E>(&self, make: F) -> Result<T, E>
    where
        F: FnOnce() -> Result<T, E>,
        E: From<Rejection> + Classified,
    {
        let fast_path = self.fast_path();
        let Some((shard, epoch)) = fast_path.untimed(thread_slot::current()) else {
            return self.call_blocking_slow(make);
        };
        shard.admit();
        // If `make` panics, the guard records it.
        let mut guard = CallGuard::new(self, Pass::without_ticket(epoch, NEVER));
        let outcome = make();
        // The call has not left its thread, so the shard is the same.
        if outcome.is_ok() && fast_path.success_is_inert().is_untimed(epoch) && shard.succeed(epoch) {
            guard.release();
        } else {
            guard.conclude(&ByKind, &outcome);
        }
        outcome
    }

    /// A blocking call that needs a time, or the circuit's decision.
    #[inline(never)]
    fn call_blocking_slow<F, T, E>(&self, make: F) -> Result<T, E>
    where
        F: FnOnce() -> Result<T, E>,
        E: From<Rejection> + Classified,
    {
        self.call_blocking_with(&ByKind, make).unwrap_or_else(|rejection| Err(rejection.into()))
    }

    /// A blocking call with any error type, judged by `classifier`.
    pub(crate) fn call_blocking_with<C, F, T, E>(
        &self,
        classifier: &C,
        make: F,
    ) -> Result<Result<T, E>, Rejection>
    where
        C: Classifier<T, E>,
        F: FnOnce() -> Result<T, E>,
    {
        let mut guard = CallGuard::new(self, self.begin()?);
        let outcome = make();
        guard.conclude(classifier, &outcome);
        Ok(outcome)
    }

    /// Makes an async call with any error type, judged by `classifier`.
    pub(crate) async fn call_any<C, F, Fut, T, E>(
        &self,
        classifier: C,
        make: F,
    ) -> Result<Result<T, E>, Rejection>
    where
        C: Classifier<T, E>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        // If `make` panics, the guard records it.
        let mut guard = CallGuard::new(self, self.begin()?);
        let mut inner = pin!(make());
        // Declared last, so dropped first: a dropped call is abandoned before its future undoes anything.
        let mut call = AbandonOnDrop::new(Call::new(self.clone(), guard.release()));
        Ok(poll_fn(|cx| call.poll(inner.as_mut(), &classifier, cx)).await)
    }

    /// As [`call`](Self::call), judged by `classifier`.
    ///
    /// # Errors
    /// The error of the call, or a [`Rejection`].
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    pub async fn call_with<C, F, Fut, T, E>(&self, classifier: C, make: F) -> Result<T, E>
    where
        C: Classifier<T, E>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        self.call_any(classifier, make).await.unwrap_or_else(|rejection| Err(rejection.into()))
    }

    fn apply(&self, circuit: &mut Circuit, transition: Transition, now: Nanos) -> StateChange {
        // Most callers have reported before. An admission has not.
        self.fast_path().report(circuit);
        let change = circuit.apply(transition, now, fastrand::f64());
        self.fast_path().publish(circuit);
        change
    }

    pub(crate) fn fast_path(&self) -> &FastPath {
        &self.shared.fast_path
    }

    /// Wakes waiters, updates subscribers and emits an event. Must not be called under the lock.
    pub(crate) fn report(&self, change: &StateChange) {
        self.admission_possible().notify_waiters();
        if let Some(watch) = self.shared.watch.get() {
            show(watch, change.epoch, change.to);
        }
        events::changed(&self.shared.name, change);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<(u64, State)> {
        let watch = self.shared.watch.get_or_init(|| watch::Sender::new((0, State::Closed)));
        // Earlier changes found no watch.
        let (epoch, state) = {
            let circuit = self.lock();
            (circuit.epoch(), circuit.state())
        };
        show(watch, epoch, state);
        watch.subscribe()
    }

    /// Notified whenever a call that was refused may be admitted, except when only time has passed.
    pub(crate) fn admission_possible(&self) -> &Notify {
        &self.shared.admission_possible
    }

    pub(crate) fn now(&self) -> Nanos {
        nanos(self.shared.origin.elapsed())
    }

    /// No code of the caller runs under this lock. A panic there would be a bug of this crate, and the counts stay usable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.shared.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the futures of a service count their references in a place of their own.
impl SharedState for Breaker {
    fn with_own_count(&self) -> Self {
        Self { shared: self.shared.with_own_count() }
    }
}

/// Shows the state unless a later one was shown before.
fn show(watch: &watch::Sender<(u64, State)>, epoch: u64, state: State) {
    watch.send_if_modified(|seen| {
        let newer = epoch > seen.0;
        let differs = state != seen.1;
        if newer {
            *seen = (epoch, state);
        }
        newer && differs
    });
}

impl From<&str> for Breaker {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Breaker {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<&Self> for Breaker {
    fn from(breaker: &Self) -> Self {
        breaker.clone()
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.name())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::orders::Order;

    /// [S6] the first subscriber sees the present state.
    #[test]
    fn a_late_subscriber_sees_the_state() {
        let breaker = Breaker::new("db");
        breaker.force_open();
        assert_eq!(breaker.subscribe().state(), State::ForcedOpen);
    }

    /// [S6] subscribers end with the latest state, in whatever order threads report changes.
    #[test]
    fn reports_out_of_order_end_with_the_latest_state() {
        let breaker = Breaker::new("db");
        let subscription = breaker.subscribe();
        let first = breaker.lock().apply_order(Order::ForceOpen, 0);
        let second = breaker.lock().apply_order(Order::Release, 0);
        let third = breaker.lock().apply_order(Order::Disable, 0);
        breaker.report(&third.unwrap());
        breaker.report(&first.unwrap());
        breaker.report(&second.unwrap());
        assert_eq!(subscription.state(), State::Disabled);
    }
}
