//! `Remedy`: what heals a failure, run once for all who need it.

mod condition;
mod create_dir;
mod run;
mod single_flight;
mod token_source;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buttress_error::{Class, ConfigError, Error};

pub use condition::{RemedyCondition, on};
use run::Outcome;
pub(crate) use run::{Healing, Wait};
use single_flight::Flight;
pub use token_source::TokenSource;

/// Heals a kind of failure, after which the call is repeated: refreshes a token, creates a directory, clears a cache.
///
/// It is given to a [`Policy`](crate::PolicyBuilder::remedy) or a [layer](crate::RetryLayer::remedy). When an attempt
/// fails with what it is [`on`], it runs, and the call is repeated at once: once per call, within the policy's
/// [`max_attempts`](crate::PolicyBuilder::max_attempts), if the request can be sent again. The retry budget doesn't pay
/// for that; the remedy has one of its own, its runs per minute.
///
/// Callers that need it at the same time wait for one run and share its result, and a failure of an attempt that began
/// before the latest success needs none. It runs in a task of its own, in the context of no call (but with the ids of
/// the one that began it), so that it goes on when that call is dropped: a token whose old version the server has
/// already forgotten isn't lost half way.
///
/// A run that failed isn't repeated at once: for 100 ms the failure is that of all who need the remedy, for twice as long
/// after each further one, up to 30 s, until one succeeds. So a cure that fails quickly has runs left when it could heal.
///
/// If it fails, takes too long, or has run too often, the call ends with the failure as it was (or is repeated by the
/// policy, where that would have repeated it anyway). The remedy's error is attached where the error type can hold it:
/// [`RetrySummary::remedy`](buttress_error::RetrySummary::remedy).
///
/// A failure within its own run it can't heal, and such a call doesn't wait for it: also in tasks of that run that keep the
/// context, and in the runs of other remedies that it needs.
///
/// A failure that comes back after its remedy has worked is given up on: retries further out leave it alone, whatever
/// remedies they have.
///
/// A handle: clones share one flight, and one remedy can be given to many policies.
///
/// | setting | range | default |
/// |---|---|---|
/// | [`time_limit`](RemedyBuilder::time_limit) | above 0 | 10 s |
/// | [`runs_per_minute`](RemedyBuilder::runs_per_minute) | 1 or more | 10 |
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_retry::{Policy, Remedy, on, retry};
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static FRESH: AtomicBool = AtomicBool::new(false);
///
/// async fn refresh() -> Result<(), Error> {
///     FRESH.store(true, Ordering::Relaxed);
///     Ok(())
/// }
///
/// async fn fetch() -> Result<&'static str, Error> {
///     if FRESH.load(Ordering::Relaxed) { Ok("body") } else { Err(Error::new(Kind::Unauthenticated, "token expired")) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let refresh = Remedy::run(on(Kind::Unauthenticated), (), |()| refresh()).build()?;
/// let policy = Policy::exponential().with_remedy(refresh.clone()).build()?;
/// assert_eq!(retry(&policy, fetch).await?, "body");
/// assert_eq!(refresh.stats().succeeded, 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Remedy(Arc<Shared>);

struct Shared {
    on: RemedyCondition,
    name: Arc<str>,
    cure: Cure,
    time_limit: Duration,
    flight: Mutex<Flight<Outcome>>,
}

enum Cure {
    Async(Box<dyn Fn() -> BoxFuture<()> + Send + Sync>),
    BlockingRetry(Box<dyn Fn() -> Result<(), Error> + Send + Sync>),
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Counts of a [`Remedy`] since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemedyStats {
    /// Runs that healed.
    pub succeeded: u64,
    /// Runs that failed, panicked or took too long.
    pub failed: u64,
    /// Failures that needed no run of their own: they waited for one under way, came after one that had healed them, or
    /// soon after one that failed.
    pub shared: u64,
    /// Failures that were left alone since there had been too many runs.
    pub refused: u64,
}

/// Settings of a [`Remedy`], checked by [`build`](Self::build).
#[must_use = "nothing is made before `build`"]
pub struct RemedyBuilder {
    on: RemedyCondition,
    name: Option<Arc<str>>,
    cure: Cure,
    time_limit: Duration,
    runs_per_minute: u32,
}

impl Remedy {
    /// Heals what it is [`on`] by running `cure` with a clone of `state`.
    pub fn run<T, F, Fut, O, E>(on: RemedyCondition, state: T, cure: F) -> RemedyBuilder
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
        E: Into<Error>,
    {
        let cure = Arc::new(cure);
        RemedyBuilder::new(
            on,
            Cure::Async(Box::new(move || {
                let (cure, state) = (Arc::clone(&cure), state.clone());
                Box::pin(async move { cure(state).await.map(drop).map_err(Into::into) })
            })),
        )
    }

    /// The same with a cure that blocks: on a thread for those in a runtime, on a thread of its own elsewhere. It can't
    /// be cut short; after the time limit nobody waits for it any more.
    ///
    /// This one alone works in a program without a runtime: see [`retry_blocking`](crate::retry_blocking).
    pub fn run_blocking<T, F, O, E>(on: RemedyCondition, state: T, cure: F) -> RemedyBuilder
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Result<O, E> + Send + Sync + 'static,
        E: Into<Error>,
    {
        let cure = move || cure(state.clone()).map(drop).map_err(Into::into);
        RemedyBuilder::new(on, Cure::BlockingRetry(Box::new(cure)))
    }

    /// Its name, as in events.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How long one run may take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.0.time_limit
    }

    /// What it has done.
    #[must_use]
    pub fn stats(&self) -> RemedyStats {
        self.flight().stats()
    }

    pub(crate) fn heals(&self, class: &Class) -> bool {
        self.0.on.matches(class)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The state is whole after every step, so a panic elsewhere while it was locked does no harm.
    fn flight(&self) -> MutexGuard<'_, Flight<Outcome>> {
        self.0.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RemedyBuilder {
    const fn new(on: RemedyCondition, cure: Cure) -> Self {
        Self { on, name: None, cure, time_limit: Duration::from_secs(10), runs_per_minute: 10 }
    }

    /// What events call it. Default: the kind or reason that it is on.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long one run may take. Default: 10 s.
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How many runs may begin within a minute. Default: 10.
    pub const fn runs_per_minute(mut self, runs: u32) -> Self {
        self.runs_per_minute = runs;
        self
    }

    /// The remedy.
    ///
    /// # Errors
    /// If the time limit or the runs per minute are zero.
    pub fn build(self) -> Result<Remedy, ConfigError> {
        if self.time_limit.is_zero() {
            return Err(ConfigError::new("time_limit", "above 0", self.time_limit));
        }
        if self.runs_per_minute == 0 {
            return Err(ConfigError::new("runs_per_minute", "at least 1", self.runs_per_minute));
        }
        Ok(self.unchecked())
    }

    /// With the defaults there is nothing to check.
    pub(crate) fn unchecked(self) -> Remedy {
        let Self { on, name, cure, time_limit, runs_per_minute } = self;
        let name = name.unwrap_or_else(|| on.name().into());
        let flight = Mutex::new(Flight::new(time_limit, runs_per_minute));
        Remedy(Arc::new(Shared { on, name, cure, time_limit, flight }))
    }
}

impl fmt::Debug for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remedy").field("name", &self.0.name).field("stats", &self.stats()).finish()
    }
}

impl fmt::Debug for RemedyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemedyBuilder")
            .field("on", &self.on)
            .field("time_limit", &self.time_limit)
            .field("runs_per_minute", &self.runs_per_minute)
            .finish_non_exhaustive()
    }
}

/// The logical time: how many runs have succeeded, of all remedies. It tells what came before what without a clock, and
/// attempts carry one number for any number of remedies.
static SUCCESSES: AtomicU64 = AtomicU64::new(0);

/// Now, by the logical clock. Relaxed: who has seen the success reads its number or a later one; who reads an earlier one
/// is repeated without a run, at worst in vain.
pub(crate) fn clock() -> u64 {
    SUCCESSES.load(Ordering::Relaxed)
}

/// A run has succeeded: attempts from now on began after it.
fn tick() -> u64 {
    SUCCESSES.fetch_add(1, Ordering::Relaxed) + 1
}
