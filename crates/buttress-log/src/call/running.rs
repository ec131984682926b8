//! `Running`: the start time of a call, its context frame and its two events.

use std::time::Duration;

use buttress_context::{Context, Frame};
use buttress_error::{Class, Kind, StopReason};
use tokio::time::Instant;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::call::layer::{CallSettings, LoggedEvents};
use crate::panics::last_panic;
use crate::tail::TailBuffer;

const TARGET: &str = "buttress::call";

/// A call that has not ended.
pub(super) struct Running {
    /// `None` if the program had no subscriber when the call began.
    started: Option<Instant>,
    pub(super) frame: Frame,
    tail: Option<Box<Tail>>,
}

/// The buffer of a call, which is part of its context.
struct Tail {
    buffer: TailBuffer,
    /// The context of the events that are not buffered.
    outside: Context,
}

impl Running {
    /// Begins a call. It always has a frame, so that no filter changes what a call reports.
    pub(super) fn start(settings: &CallSettings, started: Option<Instant>) -> Self {
        let outside = Context::current();
        let is_logged = settings.events != LoggedEvents::None && started.is_some();
        // The caller that has set a level wants to see the records of this call, however it ends.
        let has_level = outside.log_level().is_some() && !TailBuffer::is_in(&outside);
        let Some(bytes) = settings.buffer.filter(|_| is_logged && !has_level) else {
            emit_start(settings);
            return Self { started, frame: Frame::boundary(outside), tail: None };
        };
        let buffer = TailBuffer::new(bytes);
        let context = outside.clone().with_extension(buffer.clone()).with_log_level(LevelFilter::TRACE);
        let mut frame = Frame::boundary(context);
        {
            let _entered = frame.enter();
            emit_start(settings);
        }
        Self { started, frame, tail: Some(Box::new(Tail { buffer, outside })) }
    }

    pub(super) fn end(self, settings: &CallSettings, outcome: &'static str, class: Option<Class>) {
        let Self { started, mut frame, tail } = self;
        if settings.events == LoggedEvents::None {
            return;
        }
        let duration = started.map(|started| started.elapsed());
        let mut dropped = 0;
        if let Some(tail) = tail {
            let is_slow = settings.slow_after.is_some_and(|limit| duration.is_some_and(|time| time >= limit));
            if is_slow || outcome != "ok" {
                dropped = tail.buffer.release();
            } else {
                tail.buffer.end();
            }
            frame.context = tail.outside;
        }
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
                    dropped_records = (dropped > 0).then_some(dropped),
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

fn emit_start(settings: &CallSettings) {
    if settings.events == LoggedEvents::StartAndEnd {
        tracing::debug!(target: TARGET, event = "call.started", call = &*settings.name, "call started");
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

/// Milliseconds, rounded to microseconds.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
