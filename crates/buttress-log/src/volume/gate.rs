//! `VolumeGate`: decides with a clock and locks what a layer logs, and emits the summaries.

use std::collections::hash_map::RandomState;
use std::num::NonZeroU64;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::time::Instant;
use tracing::dispatcher::WeakDispatch;
use tracing::{Dispatch, Event, Level, Metadata, dispatcher};

use crate::config::TARGET;
use crate::timer::Job;
use crate::unwind;
use crate::volume::byte_limit::ByteLimit;
use crate::volume::counters::{CounterId, Counters, Decision, Subject};
use crate::volume::key::key_of;
use crate::volume::sampling::Sampling;
use crate::volume::summary::{emit_dropped, emit_suppressed};

/// What a layer has set.
#[derive(Clone, Debug, Default)]
pub(crate) struct VolumeSettings {
    pub(crate) samplings: Vec<Sampling>,
    pub(crate) bytes_per_second: Option<NonZeroU64>,
}

#[derive(Debug)]
pub(crate) struct VolumeGate {
    random: RandomState,
    rules: Vec<Rule>,
    limit: Option<Limit>,
    /// The subscriber that gets the summaries.
    subscriber: OnceLock<WeakDispatch>,
}

#[derive(Debug)]
struct Rule {
    state: Mutex<RuleState>,
    /// The same for every summary, so that a summary costs no allocation in the thread that logs.
    job: Job,
}

#[derive(Debug)]
struct RuleState {
    counters: Counters,
    /// A summary is on its way.
    is_due: bool,
}

#[derive(Debug)]
struct Limit {
    state: Mutex<LimitState>,
    job: Job,
}

#[derive(Debug)]
struct LimitState {
    bytes: ByteLimit,
    is_due: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VolumeGate {
    /// Returns `None` if nothing is limited.
    pub(crate) fn new(settings: &VolumeSettings) -> Option<Arc<Self>> {
        if settings.samplings.is_empty() && settings.bytes_per_second.is_none() {
            return None;
        }
        let settings = settings.clone();
        Some(Arc::new_cyclic(|gate: &Weak<Self>| {
            let rule = |(index, sampling)| {
                let gate = Weak::clone(gate);
                let job = Job::new(move || gate.upgrade().iter().for_each(|gate| gate.summarize_rule(index)));
                let state = RuleState { counters: Counters::new(sampling), is_due: false };
                Rule { state: Mutex::new(state), job }
            };
            let limit = |bytes| {
                let gate = Weak::clone(gate);
                let job = Job::new(move || gate.upgrade().iter().for_each(|gate| gate.summarize_limit()));
                let state = LimitState { bytes: ByteLimit::new(bytes), is_due: false };
                Limit { state: Mutex::new(state), job }
            };
            Self {
                random: RandomState::new(),
                rules: settings.samplings.into_iter().enumerate().map(rule).collect(),
                limit: settings.bytes_per_second.map(limit),
                subscriber: OnceLock::new(),
            }
        }))
    }

    /// Keeps the subscriber that the layer is part of.
    pub(crate) fn register(&self, subscriber: &Dispatch) {
        let _ = self.subscriber.set(subscriber.downgrade());
    }

    /// Returns `false` if an event is not to be logged. The first rule that matches decides.
    pub(crate) fn admits(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        if self.rules.is_empty() || is_exempt(metadata) {
            return true;
        }
        self.rules.iter().find_map(|rule| self.count(rule, event)).unwrap_or(true)
    }

    /// Returns `None` if the rule does not match.
    fn count(&self, rule: &Rule, event: &Event<'_>) -> Option<bool> {
        let metadata = event.metadata();
        let key = {
            let state = lock(&rule.state);
            let sampling = state.counters.sampling();
            if !sampling.matches(metadata) {
                return None;
            }
            sampling.key
        };
        // User code formats the value, so no lock is held.
        let (value, label) =
            key.and_then(|key| unwind::catch(|| key_of(event, key, &self.random))).unwrap_or_default();
        let id = CounterId { callsite: ptr::from_ref(metadata).addr(), value };
        let now = Instant::now();
        let mut state = lock(&rule.state);
        let decision = state.counters.count(now, id, || Subject::Callsite(metadata, label));
        if let Decision::Suppress { summary } = decision
            && !state.is_due
        {
            state.is_due = rule.job.schedule(summary).is_ok();
        }
        Some(decision == Decision::Log)
    }

    /// Returns `false` if a line exceeds the bytes of this second.
    pub(crate) fn admits_bytes(&self, metadata: &Metadata<'_>, len: usize) -> bool {
        let Some(limit) = &self.limit else { return true };
        if metadata.target() == TARGET {
            return true;
        }
        let mut state = lock(&limit.state);
        let Some(summary) = state.bytes.count(Instant::now(), *metadata.level(), len) else { return true };
        if !state.is_due {
            state.is_due = limit.job.schedule(summary).is_ok();
        }
        false
    }

    fn summarize_rule(&self, index: usize) {
        let Some(rule) = self.rules.get(index) else { return };
        let mut summaries = Vec::new();
        let key = {
            let mut state = lock(&rule.state);
            let next = state.counters.summarize(Instant::now(), &mut summaries);
            state.is_due = next.is_some_and(|next| rule.job.schedule(next).is_ok());
            state.counters.sampling().key
        };
        self.emit(|| summaries.iter().for_each(|summary| emit_suppressed(summary, key)));
    }

    fn summarize_limit(&self) {
        let Some(limit) = &self.limit else { return };
        let dropped = {
            let mut state = lock(&limit.state);
            state.is_due = false;
            state.bytes.summarize()
        };
        if let Some(dropped) = dropped {
            self.emit(|| emit_dropped(dropped));
        }
    }

    fn emit(&self, emit: impl FnOnce()) {
        if let Some(subscriber) = self.subscriber.get().and_then(WeakDispatch::upgrade) {
            dispatcher::with_default(&subscriber, emit);
        }
    }
}

/// The log's own records are about what is lost: they are not lost themselves.
fn is_exempt(metadata: &Metadata<'_>) -> bool {
    *metadata.level() == Level::ERROR || metadata.target() == TARGET
}
