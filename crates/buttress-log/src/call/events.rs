//! One call that is logged: its clock, its frame, its two events.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use buttress_context::{Context, Frame};
use buttress_error::{Class, Classifier, Kind, StopReason};
use tokio::time::Instant;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::LogLayer;
use super::layer::{Events, Shared};

const TARGET: &str = "buttress::call";

pub(super) struct Call<C> {
    shared: Arc<Shared<C>>,
    /// None if there was no subscriber when the call began.
    started: Option<Instant>,
    frame: Frame,
}

/// The time, unless `tracing` has no subscriber at all. This reads one atomic and asks no subscriber: a question that no
/// event follows would leave the state of per-layer filters wrong for the next event.
pub(super) fn clock() -> Option<Instant> {
    (LevelFilter::current() != LevelFilter::OFF).then(Instant::now)
}

impl<C> Call<C> {
    /// Begins a call. Its frame is made whoever listens, so that no filter changes what a call reports.
    pub(super) fn start(layer: &LogLayer<C>) -> Self {
        Self::started_at(layer, clock())
    }

    fn started_at(layer: &LogLayer<C>, started: Option<Instant>) -> Self {
        let shared = Arc::clone(&layer.shared);
        if shared.events == Events::StartAndEnd {
            tracing::debug!(target: TARGET, event = "call.started", call = &*shared.name, "call started");
        }
        Self { shared, started, frame: Frame::boundary(Context::current()) }
    }

    /// Runs `poll_ready`. A panic in it is the end of a call that was not made yet.
    pub(super) fn watch_ready<R>(
        layer: &LogLayer<C>,
        waiting_since: Option<Instant>,
        poll_ready: impl FnOnce() -> R,
    ) -> R {
        let _guard = ReadyGuard { layer, waiting_since, elsewhere: thread::panicking() };
        poll_ready()
    }

    /// Logs a call that could not be made because the service failed to become ready.
    pub(super) fn not_ready<Res, E>(
        layer: &LogLayer<C>,
        waiting_since: Option<Instant>,
        error: E,
    ) -> Result<Res, E>
    where
        C: Classifier<Res, E>,
    {
        let outcome = Err(error);
        Self::ended(&mut Some(Self::started_at(layer, waiting_since.or_else(clock))), &outcome);
        outcome
    }

    /// Runs `inner` as part of the call, if there is one. A panic in it ends the call.
    pub(super) fn watch<R>(call: &mut Option<Self>, inner: impl FnOnce() -> R) -> R {
        let guard = EndOnPanic::new(call);
        let Some(call) = &mut *guard.call else { return inner() };
        let _entered = call.frame.enter();
        inner()
    }

    /// Logs the end of the call, if it has not been logged. A panic in the classifier ends the call too.
    pub(super) fn ended<Res, E>(call: &mut Option<Self>, outcome: &Result<Res, E>)
    where
        C: Classifier<Res, E>,
    {
        let guard = EndOnPanic::new(call);
        let Some(call) = &*guard.call else { return };
        let verdict = call.shared.classifier.judge(outcome);
        let failed = outcome.is_err() || verdict.is_failure();
        if let Some(call) = guard.call.take() {
            call.told(if failed { "error" } else { "ok" }, verdict.class().copied());
        }
    }

    pub(super) fn cancelled(self) {
        self.told("cancelled", Some(Kind::Cancelled.into()));
    }

    fn told(mut self, outcome: &'static str, class: Option<Class>) {
        if self.shared.events == Events::None {
            return;
        }
        let duration = self.started.map(|started| started.elapsed());
        let report = &self.frame.report;
        // A retry layer that retried nothing reports nothing: then there was one attempt.
        let attempts = report.attempts.max(1);
        let delay = (attempts > 1).then(|| millis(report.delay));
        let (stopped, degraded) = (report.stopped.map(StopReason::as_str), report.degraded.then_some(true));
        let shared = Arc::clone(&self.shared);
        let level = match class {
            Some(class) => level_of(class.kind),
            None if attempts > 1 || degraded.is_some() => Level::INFO,
            None => shared.success_level,
        };
        // The line of the end has the ids of the call, wherever the future is polled or dropped.
        let _entered = self.frame.enter();
        macro_rules! tell {
            ($level:ident) => {
                tracing::event!(
                    target: TARGET,
                    Level::$level,
                    event = "call.ended",
                    call = &*shared.name,
                    outcome,
                    duration_ms = duration.map(millis),
                    kind = class.map(|class| class.kind.as_str()),
                    reason = class.and_then(|class| class.reason),
                    attempts,
                    delay_ms = delay,
                    stopped,
                    degraded,
                    "call ended"
                )
            };
        }
        match level {
            Level::TRACE => tell!(TRACE),
            Level::DEBUG => tell!(DEBUG),
            Level::INFO => tell!(INFO),
            Level::WARN => tell!(WARN),
            Level::ERROR => tell!(ERROR),
        }
    }
}

fn level_of(kind: Kind) -> Level {
    match kind.level() {
        buttress_error::Level::Debug => Level::DEBUG,
        buttress_error::Level::Info => Level::INFO,
        buttress_error::Level::Warn => Level::WARN,
        _ => Level::ERROR,
    }
}

/// Logs a call that ends because a panic begins in `poll_ready`.
struct ReadyGuard<'a, C> {
    layer: &'a LogLayer<C>,
    waiting_since: Option<Instant>,
    /// Another panic, during which the service is polled, is not its end.
    elsewhere: bool,
}

impl<C> Drop for ReadyGuard<'_, C> {
    fn drop(&mut self) {
        if !self.elsewhere && thread::panicking() {
            let call = Call::started_at(self.layer, self.waiting_since.or_else(clock));
            call.told("panic", Some(Kind::Panic.into()));
        }
    }
}

/// Ends the call if a panic begins while it lives.
struct EndOnPanic<'a, C> {
    call: &'a mut Option<Call<C>>,
    /// Somebody else's panic, during which this call goes on, is not its end.
    elsewhere: bool,
}

impl<'a, C> EndOnPanic<'a, C> {
    fn new(call: &'a mut Option<Call<C>>) -> Self {
        Self { call, elsewhere: thread::panicking() }
    }
}

impl<C> Drop for EndOnPanic<'_, C> {
    fn drop(&mut self) {
        if !self.elsewhere
            && thread::panicking()
            && let Some(call) = self.call.take()
        {
            call.told("panic", Some(Kind::Panic.into()));
        }
    }
}

/// Milliseconds to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
