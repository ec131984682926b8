//! `LoggedCall`: one call with its classifier, from its start to its end.

use std::thread;

use buttress_error::handle::Handle;
use buttress_error::{Class, Classifier, Kind};
use tokio::time::Instant;
use tracing::level_filters::LevelFilter;

use crate::call::layer::{CallSettings, Settings};
use crate::call::running::Running;
use crate::call::streamed::StreamedCall;

pub(super) struct LoggedCall<C> {
    settings: Handle<Settings<C>>,
    running: Running,
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
        let running = Running::start(&settings.call, started);
        Self { settings, running }
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
        let _entered = call.running.frame.enter();
        inner()
    }

    /// Logs the end of the call, unless it has been logged or comes with the end of the response. A panic in the classifier ends
    /// the call too.
    pub(super) fn finish<Res, E>(call: &mut Option<Self>, outcome: &Result<Res, E>)
    where
        C: Classifier<Res, E>,
    {
        let guard = EndOnPanic::new(call);
        let Some(call) = &*guard.call else { return };
        let verdict = call.settings.classifier.judge(outcome);
        let failed = outcome.is_err() || verdict.is_failure();
        let completion = if failed { None } else { call.settings.classifier.completion(outcome) };
        let Some(call) = guard.call.take() else { return };
        match completion {
            Some(completion) => {
                let settings = call.settings.call.clone();
                completion.observe(Box::new(StreamedCall(Some((settings, call.running)))));
            }
            None => call.end(if failed { "error" } else { "ok" }, verdict.class().copied()),
        }
    }

    /// Logs the end of a call that is dropped.
    pub(super) fn cancel(self) {
        self.end("cancelled", Some(Kind::Cancelled.into()));
    }

    fn end(self, outcome: &'static str, class: Option<Class>) {
        self.running.end(&self.settings.call, outcome, class);
    }
}

/// Logs a call whose service is dropped while it is not ready.
pub(super) fn cancel_waiting(settings: &CallSettings, waiting_since: Instant) {
    Running::start(settings, Some(waiting_since)).end(settings, "cancelled", Some(Kind::Cancelled.into()));
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
            call.end("panic", Some(Kind::Panic.into()));
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
            call.end("panic", Some(Kind::Panic.into()));
        }
    }
}
