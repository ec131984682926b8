//! `LineSink`: writes lines one at a time, and contains whatever the writer does.

use std::io::{self, Write};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::sink::losses::LossCounters;
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
}

impl LineSink {
    pub(crate) const fn losses(&self) -> &Arc<LossCounters> {
        &self.losses
    }

    pub(crate) fn write<'w, W: MakeWriter<'w>>(&self, writer: &'w W, line: &[u8], metadata: &Metadata<'_>) {
        self.with_writer(
            || writer.make_writer_for(metadata),
            |writer, mid_line| {
                if *mid_line {
                    write_line(writer, b"\n", mid_line)?;
                }
                write_line(writer, line, mid_line)
            },
        );
    }

    pub(crate) fn flush<'w, W: MakeWriter<'w>>(&self, writer: &'w W) {
        self.with_writer(|| writer.make_writer(), |writer, _| writer.flush());
    }

    /// Three pieces of user code, each contained by itself. A writer that panics in `work` is dropped when nothing unwinds any
    /// more: a lock that it holds is not poisoned, and a panic of its `Drop` does not abort.
    fn with_writer<W>(
        &self,
        make: impl FnOnce() -> W,
        work: impl FnOnce(&mut W, &mut bool) -> io::Result<()>,
    ) {
        let outcome = self.enter(|mid_line| {
            let mut writer = unwind::catch(make)?;
            let worked = unwind::catch(|| work(&mut writer, mid_line));
            let dropped = unwind::catch(|| drop(writer));
            dropped.and(worked)
        });
        match outcome {
            Some(Some(Ok(()))) => {}
            Some(Some(Err(_))) => self.losses.add_write_error(),
            Some(None) => self.losses.add_writer_panic(),
            None => self.losses.add_reentrant_line(),
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

/// An address that no other living thread has.
fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| ptr::from_ref(here).addr())
}
