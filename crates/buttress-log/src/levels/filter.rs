//! `LevelFilterLayer`: the program's filter, whose levels can change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use buttress_context::Context as CallContext;
use tokio::time::Instant;
use tracing::callsite::rebuild_interest_cache;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::config::{TARGET, TargetLevels};
use crate::levels::settings::{LevelSettings, Levels, OwnLevels};
use crate::timer::Job;

/// How long after a change the callsites are evaluated a second time. One that was evaluated for the first time during the
/// change may have kept the old answer.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// The filter that the subscriber and the handles share.
#[derive(Clone, Debug)]
pub(crate) struct LevelFilterLayer(Arc<SharedLevels>);

#[derive(Debug)]
pub(crate) struct SharedLevels {
    /// The levels that `tracing` and the sinks see. Written only under the lock of `state`.
    filters: RwLock<Filters>,
    /// What the sinks have of their own, in their order.
    sinks: Vec<OwnLevels>,
    state: Mutex<State>,
    /// The highest level that a call may enable for itself.
    call_limit: LevelFilter,
}

/// The filter of each sink. The program enables what at least one of them writes.
#[derive(Debug, PartialEq, Eq)]
struct Filters(Vec<TargetLevels>);

impl Filters {
    fn new(levels: &Levels, sinks: &[OwnLevels], additional: Option<&(String, LevelFilter)>) -> Self {
        Self(sinks.iter().map(|own| levels.filter(own, additional)).collect())
    }

    fn enables(&self, metadata: &Metadata<'_>) -> bool {
        self.0.iter().any(|levels| levels.enables(metadata.target(), *metadata.level()))
    }
}

/// The filter of one sink.
#[derive(Clone, Debug)]
pub(crate) struct SinkLevels {
    shared: Arc<SharedLevels>,
    index: usize,
}

impl SinkLevels {
    pub(crate) fn enables(&self, metadata: &Metadata<'_>) -> bool {
        let level = *metadata.level();
        self.shared.call_enables(level)
            || self.shared.read().0.get(self.index).is_some_and(|own| own.enables(metadata.target(), level))
    }
}

#[derive(Debug)]
struct State {
    settings: LevelSettings,
    /// How many changes are being logged now. Meanwhile the filter lets their records pass, whatever the levels are.
    announcing: usize,
}

/// A change of levels, for its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason {
    pub(super) change: &'static str,
    pub(super) expires_in: Option<Duration>,
}

impl LevelFilterLayer {
    /// Creates the filter of a program with these sinks. `additional` counts until the first change.
    pub(crate) fn new(
        levels: Levels,
        sinks: Vec<OwnLevels>,
        additional: Option<&(String, LevelFilter)>,
        call_limit: LevelFilter,
    ) -> Self {
        Self(Arc::new(SharedLevels {
            filters: RwLock::new(Filters::new(&levels, &sinks, additional)),
            sinks,
            state: Mutex::new(State { settings: LevelSettings::new(levels), announcing: 0 }),
            call_limit,
        }))
    }

    /// The filter of the sink with this index.
    pub(crate) fn of_sink(&self, index: usize) -> SinkLevels {
        SinkLevels { shared: Arc::clone(&self.0), index }
    }

    pub(super) const fn shared(&self) -> &Arc<SharedLevels> {
        &self.0
    }
}

impl SharedLevels {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn effective(&self) -> Levels {
        self.lock().settings.effective()
    }

    /// Ends the changes whose time has come.
    pub(super) fn expire(&self) {
        self.update(Reason { change: "expired", expires_in: None }, |settings| {
            settings.expire(Instant::now());
        });
    }

    /// Changes the settings and logs the change. An expiry that changes nothing is not logged.
    pub(super) fn update(&self, reason: Reason, change: impl FnOnce(&mut LevelSettings)) {
        let mut state = self.lock();
        let old = state.settings.effective();
        change(&mut state.settings);
        let new = state.settings.effective();
        if old == new && reason.change == "expired" {
            return;
        }
        state.announcing += 1;
        self.publish(&state);
        // A writer that changes levels itself must not find the lock taken.
        drop(state);
        tracing::info!(
            target: TARGET,
            event = "log.levels_changed",
            change = reason.change,
            old = %old,
            new = %new,
            expires_in_ms = reason.expires_in.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            "log levels changed"
        );
        let mut state = self.lock();
        state.announcing -= 1;
        self.publish(&state);
        drop(state);
        // Without a thread for it, that rare callsite waits for the next change.
        let _ = Job::new(rebuild_interest_cache).schedule(Instant::now() + SECOND_LOOK);
    }

    /// Makes the settings visible. The lock of the state is held, so that no older answer overwrites a newer one in the cache.
    fn publish(&self, state: &State) {
        let announcement = (state.announcing > 0).then(|| (TARGET.to_owned(), LevelFilter::INFO));
        let filters = Filters::new(&state.settings.effective(), &self.sinks, announcement.as_ref());
        {
            let mut current = self.filters.write().unwrap_or_else(PoisonError::into_inner);
            if *current == filters {
                return;
            }
            *current = filters;
        }
        rebuild_interest_cache();
    }

    fn read(&self) -> RwLockReadGuard<'_, Filters> {
        self.filters.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the current call has a level of its own that includes `level`.
    fn call_enables(&self, level: Level) -> bool {
        self.call_limit >= level && CallContext::current_log_level().is_some_and(|own| own >= level)
    }
}

impl<S: Subscriber> Layer<S> for LevelFilterLayer {
    /// `tracing` keeps the answer until the levels change. It asks again at each event only where a call may differ.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.read().enables(metadata) {
            Interest::always()
        } else if self.0.call_limit >= *metadata.level() {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.call_enables(*metadata.level()) || self.0.read().enables(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.read().0.iter().map(TargetLevels::max_level).chain([self.0.call_limit]).max()
    }
}
