//! `Report`: what a call reports to its caller.

use std::future::Future;
use std::time::Duration;

use buttress_error::{Cause, StopReason};

use crate::{Context, frame};

/// What a call reports to its caller: inner layers such as a retry write it, and the log layer and the deadline read it.
///
/// It is current on a thread together with its [`Context`](crate::Context). When a scope ends, its report is added to that of
/// the outer scope, up to the next [boundary](crate::Frame::boundary).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The number of attempts, including the first. Zero if no retry layer has reported, as after a first attempt that
    /// succeeds.
    pub attempts: u32,
    /// The time slept between attempts.
    pub delay: Duration,
    /// Whether the response is a substitute: from a fallback or from stale data.
    pub degraded: bool,
    /// Why the retry layer stopped. [`StopReason::Deadline`] also if a deadline layer ended the call.
    pub stopped: Option<StopReason>,
    /// The last real failure so far.
    pub last: Option<Cause>,
}

impl Report {
    pub(crate) const EMPTY: Self =
        Self { attempts: 0, delay: Duration::ZERO, degraded: false, stopped: None, last: None };

    /// Runs `future`, and returns the report of the calls in it, such as the number of attempts that a success took, for a
    /// metric or a test. Of several calls the last one that reports anything counts. The report is also added to that of the
    /// outer scope.
    ///
    /// ```
    /// use buttress_context::Report;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// async fn call() -> &'static str {
    ///     Report::write(|report| report.attempts = 3); // as a retry layer does
    ///     "done"
    /// }
    ///
    /// let (outcome, report) = Report::of(call()).await;
    /// assert_eq!((outcome, report.attempts), ("done", 3));
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping it drops `future`, whose report is added to that of the outer scope.
    pub async fn of<F: Future>(future: F) -> (F::Output, Self) {
        let reported = async { (future.await, frame::read(|frame| frame.report.clone())) };
        Context::current().scope(reported).await
    }

    /// Writes into the report of the current call. Does nothing outside of any call.
    pub fn write(write: impl FnOnce(&mut Self)) {
        frame::write_report(write);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.attempts == 0
            && self.last.is_none()
            && !self.degraded
            && self.stopped.is_none()
            && self.delay.is_zero()
    }

    /// Adds the report of an inner scope.
    pub(crate) fn absorb(&mut self, inner: Self) {
        if inner.attempts > 0 {
            self.attempts = inner.attempts;
            self.delay = inner.delay;
            self.stopped = inner.stopped;
        } else if inner.stopped.is_some() {
            self.stopped = inner.stopped;
        }
        self.degraded |= inner.degraded;
        if inner.last.is_some() {
            self.last = inner.last;
        }
    }
}
