//! `Remedy`: an action that removes the cause of a failure, run once for all calls that need it.

mod clock;
mod condition;
mod create_dir;
mod run;
mod single_flight;
mod token_source;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buttress_error::{Class, ConfigError, Error};

pub(crate) use clock::now as clock;
pub use condition::{RemedyCondition, on};
use run::RunOutcome;
pub(crate) use run::{PendingRemedy, RemedyFuture};
use single_flight::SingleFlight;
pub use token_source::TokenSource;

/// Removes the cause of a failure, after which the call is retried: refreshes a token, creates a directory, clears a cache.
///
/// It is given to a [policy](crate::PolicyBuilder::remedy) or a [layer](crate::RetryLayer::remedy). If an attempt fails and
/// the failure meets the remedy's [condition](on), its action runs and the call is retried at once. This happens once per
/// call, within the policy's [`max_attempts`](crate::PolicyBuilder::max_attempts), and only if the request can be sent again.
/// It does not count against the retry budget. The limit on runs per minute takes its place.
///
/// Calls that need the remedy at the same time wait for one run and share its result. A failure of an attempt that began
/// before the latest successful run needs no new run. The action runs in a task of its own, outside of any call's context,
/// but with the request id and the trace of the call that started it. So it continues if that call is dropped, and a token
/// whose predecessor the server has already revoked is not lost.
///
/// After a failed run no other run begins for 100 ms, and its error is shared by all calls that need the remedy meanwhile.
/// Each further failed run doubles that pause, up to 30 s, until one succeeds. So an action that fails fast does not use up
/// the runs of the minute.
///
/// If the action fails, takes too long, or has run too often, the call ends with the original failure, or is retried if the
/// policy would retry that anyway. The error of the remedy is attached if the error type can store it:
/// [`RetrySummary::remedy`](buttress_error::RetrySummary::remedy).
///
/// A remedy does not apply to failures within its own run, and such calls don't wait for it. That includes tasks of the run
/// that keep its context, and the runs of other remedies that it needs.
///
/// If the failure returns after the remedy has succeeded, it is exhausted: outer retries leave it alone, whatever remedies
/// they have.
///
/// Clones share their runs, and one remedy can be given to many policies.
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
    condition: RemedyCondition,
    name: Arc<str>,
    action: Action,
    time_limit: Duration,
    runs: Mutex<SingleFlight<RunOutcome>>,
}

enum Action {
    Async(Box<dyn Fn() -> BoxFuture<()> + Send + Sync>),
    Blocking(Box<dyn Fn() -> Result<(), Error> + Send + Sync>),
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Counts of a [`Remedy`] since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemedyStats {
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed, panicked or exceeded the time limit.
    pub failed: u64,
    /// Failures that needed no run of their own: they waited for one under way, came after one that had succeeded, or came
    /// soon after one that had failed.
    pub shared: u64,
    /// Failures for which no run began, because there had been too many.
    pub refused: u64,
}

/// Settings of a [`Remedy`], checked by [`build`](Self::build).
#[must_use = "`build` makes the remedy"]
pub struct RemedyBuilder {
    condition: RemedyCondition,
    name: Option<Arc<str>>,
    action: Action,
    time_limit: Duration,
    runs_per_minute: u32,
}

impl Remedy {
    /// Starts a remedy that runs `action` with a clone of `state` on failures that meet `condition`.
    pub fn run<T, F, Fut, O, E>(condition: RemedyCondition, state: T, action: F) -> RemedyBuilder
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
        E: Into<Error>,
    {
        let action = Arc::new(action);
        RemedyBuilder::new(
            condition,
            Action::Async(Box::new(move || {
                let (action, state) = (Arc::clone(&action), state.clone());
                Box::pin(async move { action(state).await.map(drop).map_err(Into::into) })
            })),
        )
    }

    /// Starts a remedy whose action blocks. In a runtime it runs on a thread for blocking work, elsewhere on a thread of its
    /// own. It can't be cancelled; after the time limit calls no longer wait for it.
    ///
    /// Without a runtime, as in [`retry_blocking`](crate::retry_blocking), only such remedies work.
    pub fn run_blocking<T, F, O, E>(condition: RemedyCondition, state: T, action: F) -> RemedyBuilder
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Result<O, E> + Send + Sync + 'static,
        E: Into<Error>,
    {
        let action = move || action(state.clone()).map(drop).map_err(Into::into);
        RemedyBuilder::new(condition, Action::Blocking(Box::new(action)))
    }

    /// Returns the name in events.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the time limit of one run.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.0.time_limit
    }

    /// Returns the counts since the remedy was built.
    #[must_use]
    pub fn stats(&self) -> RemedyStats {
        self.runs().stats()
    }

    pub(crate) fn applies_to(&self, class: &Class) -> bool {
        self.0.condition.matches(class)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The state is consistent whenever the lock is released, so a poisoned lock does no harm.
    fn runs(&self) -> MutexGuard<'_, SingleFlight<RunOutcome>> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RemedyBuilder {
    const fn new(condition: RemedyCondition, action: Action) -> Self {
        Self { condition, name: None, action, time_limit: Duration::from_secs(10), runs_per_minute: 10 }
    }

    /// Sets the name in events. Default: the kind or the reason of the condition.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the time limit of one run: above 0. Default: 10 s.
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets how many runs may begin within a minute: 1 or more. Default: 10.
    pub const fn runs_per_minute(mut self, runs: u32) -> Self {
        self.runs_per_minute = runs;
        self
    }

    /// Builds the remedy.
    ///
    /// # Errors
    /// If the time limit or the number of runs per minute is zero.
    pub fn build(self) -> Result<Remedy, ConfigError> {
        if self.time_limit.is_zero() {
            return Err(ConfigError::new("time_limit", "above 0", self.time_limit));
        }
        if self.runs_per_minute == 0 {
            return Err(ConfigError::new("runs_per_minute", "at least 1", self.runs_per_minute));
        }
        Ok(self.unchecked())
    }

    /// Builds a remedy of valid settings, such as the defaults.
    pub(crate) fn unchecked(self) -> Remedy {
        let Self { condition, name, action, time_limit, runs_per_minute } = self;
        let name = name.unwrap_or_else(|| condition.name().into());
        let runs = Mutex::new(SingleFlight::new(time_limit, runs_per_minute));
        Remedy(Arc::new(Shared { condition, name, action, time_limit, runs }))
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
            .field("condition", &self.condition)
            .field("time_limit", &self.time_limit)
            .field("runs_per_minute", &self.runs_per_minute)
            .finish_non_exhaustive()
    }
}
