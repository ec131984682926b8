//! `Breaker`: the handle, and everything around the plain value: clock, lock, randomness.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buttress_error::{ByKind, Classified, Classifier, Rejection};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::{Builder, Settings};
use crate::gate::Gate;
use crate::state::{Answer, Change, Circuit, Due, Failure, Mark, Nanos, Pass, Refusal, State, nanos};
use crate::{Permit, ResponseFuture, events};

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
    shared: Handle,
}

#[derive(Clone)]
enum Handle {
    Counted(Arc<Shared>),
    Leaked(&'static Shared),
}

impl Deref for Handle {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        match self {
            Self::Counted(shared) => shared,
            Self::Leaked(shared) => shared,
        }
    }
}

struct Shared {
    name: Arc<str>,
    /// Zero of the circuit's time.
    origin: Instant,
    /// Copied from the settings, to be read without the lock.
    watches_slowness: bool,
    gate: Gate,
    circuit: Mutex<Circuit>,
    /// The state and its epoch, by which a late teller is told from a new one.
    watch: watch::Sender<(u64, State)>,
}

impl Breaker {
    /// A breaker with the default settings, listed at [`Builder`].
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).unchecked()
    }

    /// A breaker with other settings.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name.into())
    }

    pub(crate) fn with_settings(name: Arc<str>, settings: Settings) -> Self {
        let watches_slowness = settings.slow_call.is_some();
        let circuit = Circuit::new(settings);
        let shared = Shared {
            name,
            origin: Instant::now(),
            watches_slowness,
            gate: Gate::new(&circuit),
            circuit: Mutex::new(circuit),
            watch: watch::Sender::new((0, State::Closed)),
        };
        Self { shared: Handle::Counted(Arc::new(shared)) }
    }

    /// The same breaker, kept for ever: its calls then count no references to it, which threads would do in turns. For
    /// breakers that live as long as the program.
    #[must_use]
    pub fn leak(self) -> Self {
        let shared = match self.shared {
            Handle::Counted(shared) => Box::leak(Box::new(shared)),
            Handle::Leaked(shared) => shared,
        };
        Self { shared: Handle::Leaked(shared) }
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
    /// [`Rejection`] while the circuit is open, forced open, or half-open with all probes under way.
    pub fn admit(&self) -> Result<Permit, Rejection> {
        let now = self.now();
        match self.shared.gate.pass() {
            Some(epoch) => Ok(Permit::new(self.clone(), Pass::closed(epoch, now))),
            None => self.admit_or_refuse(now),
        }
    }

    /// Apart, like all that follows from a change: with it in line, the call that simply passes would pay for the
    /// moving of values that it doesn't have.
    #[cold]
    fn admit_or_refuse(&self, now: Nanos) -> Result<Permit, Rejection> {
        loop {
            let (answer, change) = {
                let mut circuit = self.lock();
                let answer = circuit.admit(now);
                let change = match &answer {
                    Answer::Due(due) => Some(self.turn(&mut circuit, *due, now)),
                    _ => None,
                };
                (answer, change)
            };
            match answer {
                Answer::Pass(pass) => return Ok(Permit::new(self.clone(), pass)),
                Answer::Refuse(refusal) => {
                    let rejection = self.reject(refusal);
                    events::rejected(&rejection);
                    return Err(rejection);
                }
                Answer::Due(_) => self.tell(change),
            }
        }
    }

    /// Makes the call if the circuit admits it, and judges its outcome by the error's own class.
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

    /// The same, judged by `classifier`.
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
        let permit = self.admit()?;
        // If `make` panics, the permit is dropped by the panic, and says so.
        ResponseFuture::running(make(), permit, classifier).await
    }

    /// The refusal of a call at this time, if it would be refused: for `poll_ready`.
    pub(crate) fn refusal(&self) -> Option<Rejection> {
        // Stale, it costs one poll of the inner service before `call` refuses, or one lock.
        if self.shared.gate.is_open() {
            return None;
        }
        self.refusal_now()
    }

    #[cold]
    fn refusal_now(&self) -> Option<Rejection> {
        let now = self.now();
        let refusal = self.lock().refusal(now);
        refusal.map(|refusal| self.reject(refusal))
    }

    /// Counts and tells of a call that is refused because of an earlier [`refusal`](Self::refusal).
    pub(crate) fn refused(&self, rejection: &Rejection) {
        self.lock().refused();
        events::rejected(rejection);
    }

    /// Allocates nothing.
    fn reject(&self, refusal: Refusal) -> Rejection {
        let (name, time) = (Arc::clone(&self.shared.name), Duration::from_nanos);
        match refusal {
            Refusal::Open { trip, elapsed, rest } => {
                Rejection::circuit_open(name, trip, time(elapsed)).retry_after(time(rest))
            }
            Refusal::Probing { trip, elapsed, rest } => {
                Rejection::probes_taken(name, trip, time(elapsed)).retry_after(time(rest))
            }
            Refusal::Forced { elapsed } => Rejection::forced_open(name, time(elapsed)),
        }
    }

    /// The call that `pass` admitted has succeeded.
    pub(crate) fn succeed(&self, pass: &Pass) {
        if !self.lock().succeed(pass) {
            self.settle(pass, Mark::Success, None);
        }
    }

    /// The call that `pass` admitted has ended.
    pub(crate) fn settle(&self, pass: &Pass, mark: Mark, mut failure: Option<Failure>) {
        // A success of a closed circuit that does not watch slowness spares the clock: it belongs to the latest time
        // that the circuit has seen.
        let timeless = matches!(mark, Mark::Success | Mark::Neutral);
        let now = (!timeless || pass.is_probe() || self.shared.watches_slowness).then(|| self.now());
        let mut circuit = self.lock();
        if let Some(due) = circuit.settle(pass, mark, now, &mut failure) {
            self.settle_and_turn(circuit, due, now);
        }
        // `failure` is now the one before it: an error of the caller's, dropped outside the lock.
    }

    #[cold]
    fn settle_and_turn<'a>(&'a self, mut circuit: MutexGuard<'a, Circuit>, due: Due, now: Option<Nanos>) {
        let change = self.turn(&mut circuit, due, now.unwrap_or_else(|| self.now()));
        drop(circuit);
        self.tell(Some(change));
    }

    fn turn(&self, circuit: &mut Circuit, due: Due, now: Nanos) -> Change {
        let change = circuit.turn(due, now, fastrand::f64());
        self.shared.gate.follow(circuit);
        change
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Tells subscribers and the log, with no lock held.
    pub(crate) fn tell(&self, change: Option<Change>) {
        let Some(change) = change else { return };
        self.shared.watch.send_if_modified(|seen| {
            let newer = change.epoch > seen.0;
            let differs = change.to != seen.1;
            if newer {
                *seen = (change.epoch, change.to);
            }
            newer && differs
        });
        events::changed(&self.shared.name, &change);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<(u64, State)> {
        self.shared.watch.subscribe()
    }

    pub(crate) fn now(&self) -> Nanos {
        nanos(self.shared.origin.elapsed())
    }

    /// No caller's code runs under this lock, so a panic there would be our own, and the counts stay usable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.shared.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    use crate::state::Order;

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
