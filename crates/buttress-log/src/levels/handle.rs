//! `LogHandle`: changes the levels of the running program.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::parse_changes;
use crate::levels::error::{LevelsError, Problem};
use crate::levels::filter::{LevelFilterLayer, Reason, SharedLevels};
use crate::levels::settings::LevelSettings;
use crate::timer::Job;

/// Changes the levels of the program while it runs: for an admin endpoint, a signal, or a test of the program.
///
/// It comes from [`FlushGuard::handle`](crate::FlushGuard::handle). Clones refer to the same program's log, and may be used by
/// many threads at once. It needs no runtime.
///
/// Each change is logged at INFO as `log.levels_changed`, with the old and the new levels and the time until it ends. That record
/// is written at any level, `off` included.
///
/// ```no_run
/// use std::time::Duration;
///
/// let guard = buttress_log::init()?;
/// let handle = guard.handle();
/// handle.change_for(Duration::from_secs(600), "shop::pay=debug")?; // back by itself after 10 minutes
/// handle.change("warn,hyper=error")?;
/// handle.reset(); // as at the start
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// A [sink](crate::Sink) with levels of its own keeps them: only a target for which it has none follows the program.
///
/// A disabled event stays as cheap as before a change, and an enabled one too: `tracing` keeps the filter's answer for each
/// callsite, and a change renews the answers.
#[derive(Clone)]
pub struct LogHandle {
    /// None if the guard is that of a queue alone.
    levels: Option<Arc<SharedLevels>>,
}

impl LogHandle {
    pub(crate) fn new(filter: &LevelFilterLayer) -> Self {
        Self { levels: Some(Arc::clone(filter.shared())) }
    }

    pub(crate) const fn without_levels() -> Self {
        Self { levels: None }
    }

    fn shared(&self) -> Result<&Arc<SharedLevels>, LevelsError> {
        self.levels.as_ref().ok_or(LevelsError(Problem::NoLevels))
    }

    /// Sets levels with directives as in [`BUTTRESS_LOG`](crate::init): a level, or levels of targets, separated by commas.
    /// Other targets keep their levels. Ends a [temporary change](Self::change_for) of the same target.
    ///
    /// # Errors
    /// [`LevelsError`] if any directive has no meaning, is overridden by a later one, or is a format. Then nothing is changed.
    pub fn change(&self, directives: &str) -> Result<(), LevelsError> {
        let changes = parse_changes(directives).map_err(LevelsError)?;
        self.shared()?
            .update(Reason { change: "set", expires_in: None }, |levels| levels.change(changes, None));
        Ok(())
    }

    /// Sets levels as [`change`](Self::change) does, for `time`. After it the levels below count again, whatever they are then.
    ///
    /// The first temporary change starts a thread, which ends all of them and exits after the last one.
    ///
    /// # Errors
    /// [`LevelsError`] as for [`change`](Self::change), and if that thread cannot be started. Then nothing is changed.
    pub fn change_for(&self, time: Duration, directives: &str) -> Result<(), LevelsError> {
        let changes = parse_changes(directives).map_err(LevelsError)?;
        let shared = self.shared()?;
        // No time is as long as one that exceeds the clock.
        let until = Instant::now().checked_add(time);
        if let Some(until) = until {
            let levels = Arc::downgrade(shared);
            Job::new(move || levels.upgrade().iter().for_each(|levels| levels.expire()))
                .schedule(until)
                .map_err(|error| LevelsError(Problem::Timer(error.to_string())))?;
        }
        let reason = Reason { change: "set", expires_in: until.map(|_| time) };
        shared.update(reason, |levels| levels.change(changes, until));
        // The timer may have come first.
        if until.is_some_and(|until| until <= Instant::now()) {
            shared.expire();
        }
        Ok(())
    }

    /// Sets the levels of the start again, and ends all temporary changes.
    pub fn reset(&self) {
        if let Some(levels) = &self.levels {
            levels.update(Reason { change: "reset", expires_in: None }, LevelSettings::reset);
        }
    }

    /// Returns the levels of the program that count now, as directives: `info,hyper=warn`. Empty for a handle without levels.
    #[must_use]
    pub fn levels(&self) -> String {
        self.levels.as_ref().map(|levels| levels.effective().to_string()).unwrap_or_default()
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle").field("levels", &self.levels()).finish_non_exhaustive()
    }
}
