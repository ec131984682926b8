//! `LoggedCall`: one call with its start time, its context frame and its two events.

use std::thread;
use std::time::Duration;

use buttress_context::{Context, Frame};
use buttress_error::handle::Handle;
use buttress_error::{Class, Classifier, Kind, StopReason};
use tokio::time::Instant;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::call::layer::{LoggedEvents, Settings};
use crate::panics::last_panic;

const TARGET: &str = "buttress::call";

pub(super) struct LoggedCall<C> {
    settings: Handle<Settings<C>>,
    /// `None` if the program had no subscriber when the call began.
    started: Option<Instant>,
    frame: Frame,
}

/// The time, or `None` if `tracing` has no subscriber at all.
///
/// This reads one atomic and does not call `Subscriber::enabled`: a call of `enabled` without an event after it leaves the state
/// of per-layer filters wrong for the next event.
pub(super) fn now_if_logging() -> Option<Instant> {
    (LevelFilter::current() != LevelFilter::OFF).then(Instant::now)
}

impl<C> LoggedCall<C> {
    /// Begins a call. It always has a frame, so that no filter changes what a call reports.
    pub(super) fn start(settings: Handle<Settings<C>>) -> Self {
        Self::start_at(settings, now_if_logging())
    }

    fn start_at(settings: Handle<Settings<C>>, started: Option<Instant>) -> Self {
        if settings.events == LoggedEvents::StartAndEnd {
            tracing::debug!(target: TARGET, event = "call.started", call = &*settings.name, "call started");
        }
        Self { settings, started, frame: Frame::boundary(Context::current()) }
    }

    /// Runs `poll_ready`. A panic in it is logged as a call that ends before it is made.
    pub(super) fn poll_ready<R>(
        settings: &Handle<Settings<C>>,
        waiting_since: Option<Instant>,
        poll_ready: impl FnOnce() -> R,
    ) -> R {
        let _guard = PollReadyGuard { settings, waiting_since, already_panicking: thread::panicking() };
        poll_ready()
    }

    /// Logs a call that is never made because the service failed to become ready.
    pub(super) fn failed_ready<Res, E>(
        settings: &Handle<Settings<C>>,
        waiting_since: Option<Instant>,
        error: E,
    ) -> Result<Res, E>
    where
        C: Classifier<Res, E>,
    {
        let outcome = Err(error);
        Self::finish(
            &mut Some(Self::start_at(settings.clone(), waiting_since.or_else(now_if_logging))),
            &outcome,
        );
        outcome
    }

    /// Runs `inner` in the context of the call, if there is one. A panic in it ends the call.
    pub(super) fn run<R>(call: &mut Option<Self>, inner: impl FnOnce() -> R) -> R {
        let guard = EndOnPanic::new(call);
        let Some(call) = &mut *guard.call else { return inner() };
        let _entered = call.frame.enter();
        inner()
    }

    /// Logs the end of the call, unless it has been logged. A panic in the classifier ends the call too.
    pub(super) fn finish<Res, E>(call: &mut Option<Self>, outcome: &Result<Res, E>)
    where
        C: Classifier<Res, E>,
    {
        let guard = EndOnPanic::new(call);
        let Some(call) = &*guard.call else { return };
        let verdict = call.settings.classifier.judge(outcome);
        let failed = outcome.is_err() || verdict.is_failure();
        if let Some(call) = guard.call.take() {
            call.emit_end(if failed { "error" } else { "ok" }, verdict.class().copied());
        }
    }

    /// Logs the end of a call that is dropped.
    pub(super) fn cancel(self) {
        self.emit_end("cancelled", Some(Kind::Cancelled.into()));
    }

    fn emit_end(self, outcome: &'static str, class: Option<Class>) {
        let Self { settings, started, mut frame } = self;
        if settings.events == LoggedEvents::None {
            return;
        }
        let duration = started.map(|started| started.elapsed());
        let report = &frame.report;
        // A retry layer reports nothing if it made one attempt.
        let attempts = report.attempts.max(1);
        let delay = (attempts > 1).then(|| millis(report.delay));
        let (stopped, degraded) = (report.stopped.map(StopReason::as_str), report.degraded.then_some(true));
        // The record of the panic itself says more.
        let panic = if outcome == "panic" { last_panic() } else { None };
        let level = match class {
            Some(class) => level_of(class.kind),
            None if attempts > 1 || degraded.is_some() => Level::INFO,
            None => settings.success_level,
        };
        // The event has the ids of the call, wherever the future is polled or dropped.
        let _entered = frame.enter();
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(
                    target: TARGET,
                    Level::$level,
                    event = "call.ended",
                    call = &*settings.name,
                    outcome,
                    duration_ms = duration.map(millis),
                    kind = class.map(|class| class.kind.as_str()),
                    reason = class.and_then(|class| class.reason),
                    attempts,
                    delay_ms = delay,
                    stopped,
                    degraded,
                    panic = panic.as_deref(),
                    "call ended"
                )
            };
        }
        match level {
            Level::TRACE => emit!(TRACE),
            Level::DEBUG => emit!(DEBUG),
            Level::INFO => emit!(INFO),
            Level::WARN => emit!(WARN),
            Level::ERROR => emit!(ERROR),
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

/// Logs a call that ends because `poll_ready` panics.
struct PollReadyGuard<'a, C> {
    settings: &'a Handle<Settings<C>>,
    waiting_since: Option<Instant>,
    /// The service is polled while another panic unwinds, which is not the end of the call.
    already_panicking: bool,
}

impl<C> Drop for PollReadyGuard<'_, C> {
    fn drop(&mut self) {
        if !self.already_panicking && thread::panicking() {
            let call =
                LoggedCall::start_at(self.settings.clone(), self.waiting_since.or_else(now_if_logging));
            call.emit_end("panic", Some(Kind::Panic.into()));
        }
    }
}

/// Ends the call if a panic begins while the guard exists.
struct EndOnPanic<'a, C> {
    call: &'a mut Option<LoggedCall<C>>,
    /// The call runs while another panic unwinds, which is not its end.
    already_panicking: bool,
}

impl<'a, C> EndOnPanic<'a, C> {
    fn new(call: &'a mut Option<LoggedCall<C>>) -> Self {
        Self { call, already_panicking: thread::panicking() }
    }
}

impl<C> Drop for EndOnPanic<'_, C> {
    fn drop(&mut self) {
        if !self.already_panicking
            && thread::panicking()
            && let Some(call) = self.call.take()
        {
            call.emit_end("panic", Some(Kind::Panic.into()));
        }
    }
}

/// Milliseconds, rounded to microseconds.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
