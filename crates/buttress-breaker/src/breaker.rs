//! `Breaker`: the handle, and everything around the plain value: clock, lock, randomness.

mod admission;
pub(crate) mod admitted;
mod build;
mod control;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod guarded;
mod hold;
pub(crate) mod permit;
mod settlement;
pub(crate) mod shut;
pub(crate) mod subscription;
pub(crate) mod wait;
mod waiting;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use buttress_error::{ByKind, Classified, Classifier, Rejection};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::breaker::admitted::{Admitted, Call, Held};
use crate::breaker::permit::Permit;
use crate::circuit::Circuit;
use crate::circuit::builder::BreakerBuilder;
use crate::circuit::change::{Change, Due, State};
use crate::circuit::pass::Pass;
use crate::circuit::settings::Settings;
use crate::circuit::time::{NEVER, Nanos, nanos};
use crate::counters::gate::Gate;
use crate::counters::slot;
use hold::Hold;

/// A circuit breaker: counts how calls end, refuses them while the dependency fails, and probes until it works again.
///
/// A handle: clones share one circuit, and so do all layers and services made of it. It is used as a tower layer
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
    shared: Hold,
}

struct Shared {
    name: Arc<str>,
    /// Zero of the circuit's time.
    origin: Instant,
    gate: Gate,
    circuit: Mutex<Circuit>,
    /// The state and its epoch, by which a late teller is told from a new one. Made for the first subscriber: it is
    /// large, and most breakers of many keys have none.
    watch: OnceLock<watch::Sender<(u64, State)>>,
    /// Rung whenever a call might pass that was refused before, but by time alone.
    turnstile: Notify,
}

impl Breaker {
    /// A breaker with the default settings, listed at [`BreakerBuilder`].
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).unchecked()
    }

    /// A breaker with other settings.
    pub fn builder(name: impl Into<Arc<str>>) -> BreakerBuilder {
        BreakerBuilder::new(name.into())
    }

    pub(crate) fn with_settings(name: Arc<str>, settings: Settings) -> Self {
        Self::for_threads(slot::expected(), name, Arc::new(settings))
    }

    /// A closed breaker with the settings of this one. Of the threads that call it so many need no lock: room for each
    /// takes 128 bytes.
    pub(crate) fn alike(&self, name: Arc<str>, threads: usize) -> Self {
        let settings = Arc::clone(self.lock().settings());
        Self::for_threads(threads, name, settings)
    }

    fn for_threads(threads: usize, name: Arc<str>, settings: Arc<Settings>) -> Self {
        let circuit = Circuit::new(Arc::clone(&name), settings);
        let shared = Shared {
            name,
            origin: Instant::now(),
            gate: Gate::new(&circuit, threads),
            circuit: Mutex::new(circuit),
            watch: OnceLock::new(),
            turnstile: Notify::new(),
        };
        Self { shared: Hold::new(shared) }
    }

    /// The same breaker, kept for ever: its calls then count no references to it. For breakers that live as long as the
    /// program.
    ///
    /// Threads that count references in one place take turns there. A service that is called again and again, and so each
    /// thread with a clone of its own, counts in a place of its own; [`admit`](Self::admit) and [`call`](Self::call) count
    /// where their handle does, unless it is kept for ever.
    #[must_use]
    pub fn leak(self) -> Self {
        Self { shared: self.shared.leak() }
    }

    /// The same breaker, by a count of references of its own.
    pub(crate) fn apart(&self) -> Self {
        Self { shared: self.shared.apart() }
    }

    /// Its name, as in events and rejections.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Asks to make a call now. The [`Permit`] has to be told how the call ended.
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
    /// [`Rejection`] while the circuit is open, forced open, or half-open with all probes under way, and for the calls that a
    /// [ramp](BreakerBuilder::ramp) holds back.
    pub fn admit(&self) -> Result<Permit, Rejection> {
        let pass = self.pass_if_open().map_or_else(|| self.ask(), Ok).map_err(Rejection::from)?;
        Ok(Permit::new(Admitted::new(self.clone(), pass)))
    }

    /// Makes the call if the circuit admits it, and judges its outcome by the error's own class.
    ///
    /// An error type that cannot hold a [`Rejection`] needs [`guarded`](Self::guarded).
    ///
    /// # Errors
    /// What `make` fails with, or a [`Rejection`].
    ///
    /// # Cancel safety
    /// Nothing happens before the first poll. Dropped later, the call is abandoned: see [`Permit`].
    pub async fn call<F, Fut, T, E>(&self, make: F) -> Result<T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection> + Classified,
    {
        self.call_with(ByKind, make).await
    }

    /// Makes a call that blocks if the circuit admits it: [`call`](Self::call) for code that is not async.
    ///
    /// An `io::Error` holds a rejection as its inner error. For other error types that cannot hold one there is
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
    /// What `make` fails with, or a [`Rejection`].
    #[inline]
    pub fn call_blocking<F, T, E>(&self, make: F) -> Result<T, E>
    where
        F: FnOnce() -> Result<T, E>,
        E: From<Rejection> + Classified,
    {
        let gate = self.gate();
        let Some((shard, epoch)) = gate.counter(slot::current()) else {
            return self.call_timed(make);
        };
        shard.pass();
        // If `make` panics, `admitted` is dropped by the panic, and says so.
        let mut admitted = Admitted::new(self, Pass::open(epoch, NEVER));
        let outcome = make();
        // The call has not left its thread, so its shard is the same.
        if outcome.is_ok() && gate.calm().is_plain(epoch) && shard.succeed(epoch) {
            admitted.release();
        } else {
            admitted.conclude(&ByKind, &outcome);
        }
        outcome
    }

    /// A blocking call whose time matters, or that the circuit has to be asked for.
    #[inline(never)]
    fn call_timed<F, T, E>(&self, make: F) -> Result<T, E>
    where
        F: FnOnce() -> Result<T, E>,
        E: From<Rejection> + Classified,
    {
        self.blocking(&ByKind, make).unwrap_or_else(|rejection| Err(rejection.into()))
    }

    /// A blocking call of any error type, judged by `classifier`.
    pub(crate) fn blocking<C, F, T, E>(&self, classifier: &C, make: F) -> Result<Result<T, E>, Rejection>
    where
        C: Classifier<T, E>,
        F: FnOnce() -> Result<T, E>,
    {
        let pass = self.pass().map_or_else(|| self.ask(), Ok)?;
        let mut admitted = Admitted::new(self, pass);
        let outcome = make();
        admitted.conclude(classifier, &outcome);
        Ok(outcome)
    }

    /// The same as [`call`](Self::call), judged by `classifier`.
    ///
    /// # Errors
    /// What `make` fails with, or a [`Rejection`].
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
        let pass = self.pass().map_or_else(|| self.ask(), Ok).map_err(Rejection::from)?;
        // If `make` panics, `admitted` is dropped by the panic, and says so.
        let mut admitted = Admitted::new(self, pass);
        let mut inner = pin!(make());
        // Dropped first, so that a call that is dropped is abandoned before what it does is undone.
        let mut call = Held::new(Call::new(self.clone(), admitted.release()));
        poll_fn(|cx| call.poll(inner.as_mut(), &classifier, cx)).await
    }

    fn turn(&self, circuit: &mut Circuit, due: Due, now: Nanos) -> Change {
        // Whoever reports first has nothing left here: this is for admissions.
        self.shared.gate.report(circuit);
        let change = circuit.turn(due, now, fastrand::f64());
        self.shared.gate.follow(circuit);
        change
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Tells who waits, subscribers and the log, with no lock held.
    pub(crate) fn tell(&self, change: Option<Change>) {
        let Some(change) = change else { return };
        self.turnstile().notify_waiters();
        if let Some(watch) = self.shared.watch.get() {
            show(watch, change.epoch, change.to);
        }
        events::changed(&self.shared.name, &change);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<(u64, State)> {
        let watch = self.shared.watch.get_or_init(|| watch::Sender::new((0, State::Closed)));
        // Whoever changed the state before found no watch to tell.
        let (epoch, state) = {
            let circuit = self.lock();
            (circuit.epoch(), circuit.state())
        };
        show(watch, epoch, state);
        watch.subscribe()
    }

    /// Rung whenever a call might pass that was refused before, but by time alone.
    pub(crate) fn turnstile(&self) -> &Notify {
        &self.shared.turnstile
    }

    pub(crate) fn now(&self) -> Nanos {
        nanos(self.shared.origin.elapsed())
    }

    /// No caller's code runs under this lock, so a panic there would be our own, and the counts stay usable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.shared.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unless a later state was shown already.
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

    /// [S6] the first subscriber sees the state, whatever was told before there was one.
    #[test]
    fn a_late_subscriber_sees_the_state() {
        let breaker = Breaker::new("db");
        breaker.force_open();
        assert_eq!(breaker.subscribe().state(), State::ForcedOpen);
    }

    /// [S6] subscribers end with the latest state, in whatever order two threads tell them.
    #[test]
    fn the_last_word_is_the_latest_state() {
        let breaker = Breaker::new("db");
        let subscription = breaker.subscribe();
        let first = breaker.lock().obey(Order::ForceOpen, 0);
        let second = breaker.lock().obey(Order::Release, 0);
        let third = breaker.lock().obey(Order::Disable, 0);
        breaker.tell(third);
        breaker.tell(first);
        breaker.tell(second);
        assert_eq!(subscription.state(), State::Disabled);
    }
}
