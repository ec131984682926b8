//! `LineSink`: writes lines one at a time, and contains whatever the writer does.

use std::io::{self, Write};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::encode::own_record;
use crate::sink::failure::SinkFailure;
use crate::sink::losses::{LossCounters, LossReport};
use crate::sink::write::write_line;
use crate::unwind;

/// Lets one thread at a time use a writer, contains its panics, and counts the lines that it loses.
///
/// Each line takes the lock: the bytes of a line that the writer takes in pieces must not mix with those of another.
#[derive(Debug, Default)]
pub(crate) struct LineSink {
    /// Whether the output ends in the middle of a line: the next line needs a newline before it.
    mid_line: Mutex<bool>,
    /// The thread that uses the writer, as an address of [`this_thread`]; 0 if none does.
    user: AtomicUsize,
    losses: Arc<LossCounters>,
    /// The writer is a queue, which several threads may use at once, and which counts what it writes and loses.
    is_queue: bool,
    reports: Option<Reports>,
}

/// What a sink says about itself.
#[derive(Debug)]
struct Reports {
    losses: Mutex<LossReport>,
    /// Whether the log may not have mentioned all losses. A line pays no lock while there is none.
    is_behind: AtomicBool,
    failure: SinkFailure,
}

impl LineSink {
    /// Creates a sink that counts in `losses`.
    pub(crate) fn counting_in(losses: Arc<LossCounters>) -> Self {
        Self { losses, ..Self::default() }
    }

    /// Creates the sink in front of a queue, which counts in `losses` what it writes and loses.
    pub(crate) fn of_queue(losses: Arc<LossCounters>) -> Self {
        Self { is_queue: true, ..Self::counting_in(losses) }
    }

    /// Reports in the log itself what the sink of this `name` has lost.
    pub(crate) fn reporting(mut self, name: Arc<str>) -> Self {
        self.reports = Some(Reports {
            losses: Mutex::default(),
            is_behind: AtomicBool::new(false),
            failure: SinkFailure::new(name),
        });
        self
    }

    pub(crate) const fn is_queue(&self) -> bool {
        self.is_queue
    }

    pub(crate) const fn losses(&self) -> &Arc<LossCounters> {
        &self.losses
    }

    pub(crate) fn write<'w, W: MakeWriter<'w>>(&self, writer: &'w W, line: &[u8], metadata: &Metadata<'_>) {
        self.write_counted(|| writer.make_writer_for(metadata), line);
        if let Some(reports) = &self.reports {
            if reports.is_behind.load(Ordering::Relaxed) {
                self.report_losses(writer, false);
            }
            reports.failure.report();
        }
    }

    /// Writes a line to what `make` returns, and counts it.
    pub(crate) fn write_counted<W: Write>(&self, make: impl FnOnce() -> W, line: &[u8]) {
        match self.write_one(make, line) {
            Ok(()) => self.losses.add_written(1),
            Err(failure) => self.count(failure),
        }
    }

    fn write_one<W: Write>(&self, make: impl FnOnce() -> W, line: &[u8]) -> Result<(), Failure> {
        self.with_writer(make, |writer, mid_line| {
            if *mid_line {
                write_line(writer, b"\n", mid_line).map_err(|stopped| self.refused(stopped.error))?;
            }
            write_line(writer, line, mid_line).map_err(|stopped| {
                let failure = self.refused(stopped.error);
                if *mid_line { Failure::Torn } else { failure }
            })
        })
    }

    pub(crate) fn flush<'w, W: MakeWriter<'w>>(&self, writer: &'w W) {
        self.report_losses(writer, true);
        self.flush_counted(|| writer.make_writer());
        if let Some(reports) = &self.reports {
            reports.failure.report();
        }
    }

    /// Flushes what `make` returns, and counts a failure.
    pub(crate) fn flush_counted<W: Write>(&self, make: impl FnOnce() -> W) {
        if let Err(failure) =
            self.with_writer(make, |writer, _| writer.flush().map_err(|error| self.refused(error)))
        {
            self.count(failure);
        }
    }

    /// Waits until no thread uses the writer. Returns `false` if one still does after `limit`: its reader may be stuck.
    ///
    /// A standard mutex has no wait with a limit.
    pub(crate) fn is_free_within(&self, limit: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(1);
        let is_used = || matches!(self.mid_line.try_lock(), Err(TryLockError::WouldBlock));
        let mut waited = Duration::ZERO;
        // A flush by the writer itself does not wait for itself.
        while self.user.load(Ordering::Relaxed) != this_thread() && is_used() {
            if waited >= limit {
                return false;
            }
            thread::sleep(STEP);
            waited += STEP;
        }
        true
    }

    fn refused(&self, error: io::Error) -> Failure {
        if let Some(reports) = &self.reports {
            reports.failure.record(error);
        }
        Failure::Refused
    }

    fn count(&self, failure: Failure) {
        match failure {
            Failure::Refused => self.losses.add_write_error(),
            Failure::Torn => self.losses.add_torn_line(),
            Failure::Panicked => self.losses.add_writer_panic(),
            Failure::Reentrant => self.losses.add_reentrant_line(),
        }
        if let Some(reports) = &self.reports {
            // Release: a thread that reads it reads the counter too.
            reports.is_behind.store(true, Ordering::Release);
        }
    }

    /// Sets whether the output ends in the middle of a line, for a writer that was used before.
    pub(crate) fn begin_mid_line(&self, mid_line: bool) {
        *self.mid_line.lock().unwrap_or_else(PoisonError::into_inner) = mid_line;
    }

    /// Writes the record about lost lines, if there are any that the log has not mentioned.
    fn report_losses<'w, W: MakeWriter<'w>>(&self, writer: &'w W, at_once: bool) {
        let Some(Reports { losses: report, is_behind, .. }) = &self.reports else { return };
        // If another thread is about to report, it reports these losses too. Nobody is on the way while this lock is held
        // for a moment only, so a writer that logs does not meet it.
        let Ok(mut due) = report.try_lock() else { return };
        // Before the counters are read: a loss after that sets it again.
        is_behind.swap(false, Ordering::Acquire);
        if !due.is_behind(&self.losses) {
            return;
        }
        let lost = due.due(&self.losses, uptime(), at_once);
        drop(due);
        let Some(lost) = lost else { return is_behind.store(true, Ordering::Release) };
        let mut record = Vec::new();
        own_record::write_losses(&mut record, &lost);
        // The record is no line of the program: it is not counted, and a later one says the same.
        if self.write_one(|| writer.make_writer(), &record).is_err() {
            report.lock().unwrap_or_else(PoisonError::into_inner).take_back(&lost);
            is_behind.store(true, Ordering::Release);
        }
    }

    /// Three pieces of user code, each contained by itself. A writer that panics in `work` is dropped when nothing unwinds any
    /// more: a lock that it holds is not poisoned, and a panic of its `Drop` does not abort.
    fn with_writer<W>(
        &self,
        make: impl FnOnce() -> W,
        work: impl FnOnce(&mut W, &mut bool) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let outcome = self.enter(|mid_line| {
            let mut writer = unwind::catch(make)?;
            let worked = unwind::catch(|| work(&mut writer, mid_line));
            let dropped = unwind::catch(|| drop(writer));
            dropped.and(worked)
        });
        match outcome {
            Some(Some(result)) => result,
            Some(None) => Err(Failure::Panicked),
            None => Err(Failure::Reentrant),
        }
    }

    /// Returns `None` if this thread uses the writer already: the writer itself logs, or a panic hook while the writer panics.
    fn enter<R>(&self, work: impl FnOnce(&mut bool) -> R) -> Option<R> {
        let me = this_thread();
        // Relaxed: only this thread ever stores its own address.
        if self.user.load(Ordering::Relaxed) == me {
            return None;
        }
        let mut mid_line = self.mid_line.lock().unwrap_or_else(PoisonError::into_inner);
        self.user.store(me, Ordering::Relaxed);
        let result = work(&mut mid_line);
        self.user.store(0, Ordering::Relaxed);
        Some(result)
    }
}

/// Why a line was not written.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// The writer returned an error.
    Refused,
    /// The writer took a part of it before an error.
    Torn,
    Panicked,
    /// The writer itself logged it.
    Reentrant,
}

/// The time since the first report in this process.
fn uptime() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// An address that no other living thread has.
pub(crate) fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| ptr::from_ref(here).addr())
}
