//! One call that is logged: its clock, its frame, its two events.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use buttress_context::{Context, Frame};
use buttress_error::{Class, Classifier, Kind, Level, Stop};
use tokio::time::Instant;

use super::LogLayer;
use super::layer::Shared;

const TARGET: &str = "buttress::call";

pub(super) struct Call<C> {
    shared: Arc<Shared<C>>,
    started: Instant,
    frame: Frame,
}

impl<C> Call<C> {
    /// Begins to log a call; none if nobody would hear even its worst end.
    pub(super) fn start(layer: &LogLayer<C>) -> Option<Self> {
        if !tracing::enabled!(target: TARGET, tracing::Level::ERROR) {
            return None;
        }
        let shared = Arc::clone(&layer.shared);
        if shared.starts {
            tracing::debug!(target: TARGET, event = "call.started", call = &*shared.name, "call started");
        }
        Some(Self { shared, started: Instant::now(), frame: Frame::boundary(Context::current()) })
    }

    /// Runs `inner` as part of the call, if there is one. A panic in it ends the call.
    pub(super) fn watch<R>(call: &mut Option<Self>, inner: impl FnOnce() -> R) -> R {
        let guard = EndOnPanic::new(call);
        let Some(call) = &mut *guard.call else { return inner() };
        let _entered = call.frame.enter();
        inner()
    }

    /// Tells the end of the call, if it has not been told. A panic in the classifier ends the call too.
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
        let duration = self.started.elapsed();
        let report = &self.frame.report;
        // A retry layer that had nothing to repeat says nothing: then there was one.
        let attempts = report.attempts.max(1);
        let delay = (attempts > 1).then(|| millis(report.delay));
        let (stopped, degraded) = (report.stopped.map(Stop::as_str), report.degraded.then_some(true));
        let shared = self.shared;
        // The line of the end has the ids of the call, wherever the future is polled or dropped.
        let _entered = self.frame.enter();
        macro_rules! tell {
            ($level:ident) => {
                tracing::event!(
                    target: TARGET,
                    tracing::Level::$level,
                    event = "call.ended",
                    call = &*shared.name,
                    outcome,
                    duration_ms = millis(duration),
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
        match class.map_or(Level::Info, |class| class.kind.level()) {
            Level::Debug => tell!(DEBUG),
            Level::Info => tell!(INFO),
            Level::Warn => tell!(WARN),
            _ => tell!(ERROR),
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
