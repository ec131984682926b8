//! `Report`: what a call tells its caller.

use std::future::Future;
use std::time::Duration;

use buttress_error::{Cause, StopReason};

use crate::{Context, frame};

/// What travels outward: written by the layers that know, read by the log layer, the fallback and the deadline.
///
/// A plain value that is swapped in and out of the thread with its [`Context`](crate::Context). When a scope ends, what
/// it reports goes to the scope around it, up to the next [boundary](crate::Frame::boundary).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Attempts made, the first included; zero where no retry layer spoke, as at a first attempt that succeeds.
    pub attempts: u32,
    /// Time slept between attempts.
    pub delay: Duration,
    /// Was the answer made up, by a fallback or from stale data?
    pub degraded: bool,
    /// Why the retry layer stopped; [`StopReason::Deadline`] also where a deadline cut the call.
    pub stopped: Option<StopReason>,
    /// The last real failure so far.
    pub last: Option<Cause>,
}

impl Report {
    pub(crate) const EMPTY: Self =
        Self { attempts: 0, delay: Duration::ZERO, degraded: false, stopped: None, last: None };

    /// Runs `future`, and tells what the calls in it have reported: how many attempts a success took, for a metric or a
    /// test. Of several calls the last that has anything to tell counts. The report goes on to the scope around as well.
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
    /// Dropped, it drops `future`; what that had reported goes on to the scope around.
    pub async fn of<F: Future>(future: F) -> (F::Output, Self) {
        let told = async { (future.await, frame::read(|frame| frame.report.clone())) };
        Context::current().scope(told).await
    }

    /// Writes into the report of the call under way; does nothing outside of any.
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

    /// Takes over what an inner scope reported.
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
