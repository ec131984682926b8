//! The way out of a line: one at a time, whole or fenced off from the next, whatever the writer does.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, mem, ptr};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::Losses;
use crate::contain;

/// Lets one thread at a time use a writer, contains its panics, and counts what it loses.
///
/// Every line takes the lock: the bytes of a line that the writer takes in pieces must not mix with another's.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Returns `true` if the writer took a part of the last line: the next one needs a newline before it.
    torn: Mutex<bool>,
    /// The thread that uses the writer, as an address of [`this_thread`]; 0 if none does.
    user: AtomicUsize,
    losses: Arc<Losses>,
}

impl Gate {
    pub(crate) const fn losses(&self) -> &Arc<Losses> {
        &self.losses
    }

    pub(crate) fn write<'w, W: MakeWriter<'w>>(&self, writer: &'w W, line: &[u8], metadata: &Metadata<'_>) {
        self.with_writer(
            || writer.make_writer_for(metadata),
            |writer, torn| {
                if *torn {
                    write_whole(writer, b"\n", torn)?;
                }
                write_whole(writer, line, torn)
            },
        );
    }

    pub(crate) fn flush<'w, W: MakeWriter<'w>>(&self, writer: &'w W) {
        self.with_writer(|| writer.make_writer(), |writer, _| writer.flush());
    }

    /// Three pieces of foreign code, each contained by itself: a writer that lives on after a panic of its own is dropped
    /// when nothing unwinds any more, so that a lock in it is not poisoned and a second panic does not abort.
    fn with_writer<W>(
        &self,
        make: impl FnOnce() -> W,
        work: impl FnOnce(&mut W, &mut bool) -> io::Result<()>,
    ) {
        let outcome = self.enter(|torn| {
            let mut writer = contain::call(make)?;
            let worked = contain::call(|| work(&mut writer, torn));
            let dropped = contain::call(|| drop(writer));
            dropped.and(worked)
        });
        match outcome {
            Some(Some(Ok(()))) => {}
            Some(Some(Err(_))) => self.losses.add_write_error(),
            Some(None) => self.losses.add_writer_panic(),
            None => self.losses.add_reentrant_line(),
        }
    }

    /// None if this thread uses the writer already: the writer itself logs, or a panic hook on its behalf.
    fn enter<R>(&self, work: impl FnOnce(&mut bool) -> R) -> Option<R> {
        let me = this_thread();
        // Relaxed: only this thread ever stores its own address.
        if self.user.load(Ordering::Relaxed) == me {
            return None;
        }
        let mut torn = self.torn.lock().unwrap_or_else(PoisonError::into_inner);
        self.user.store(me, Ordering::Relaxed);
        let result = work(&mut torn);
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

/// How often in a row a write may be interrupted: a writer that never gets further must not hang the program.
const MAX_INTERRUPTIONS: usize = 1_000;

/// Writes all of `bytes`, as `write_all` does. `torn` says afterwards whether the writer's last line is cut off; after a
/// panic of the writer it says so too, because nobody knows what the writer took.
pub(crate) fn write_whole(writer: &mut impl Write, bytes: &[u8], torn: &mut bool) -> io::Result<()> {
    let before = mem::replace(torn, true);
    let (mut written, mut interruptions) = (0, 0);
    while written < bytes.len() {
        let error = match writer.write(&bytes[written..]) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(more) => {
                written = bytes.len().min(written.saturating_add(more));
                interruptions = 0;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                interruptions += 1;
                if interruptions < MAX_INTERRUPTIONS {
                    continue;
                }
                io::Error::other("interrupted too often")
            }
            Err(error) => error,
        };
        *torn = before || written > 0 || is_torn(&error);
        return Err(error);
    }
    *torn = false;
    Ok(())
}

/// The error of a writer around another one, which has taken a part of a line: see [`torn`].
#[derive(Debug)]
struct Torn(io::Error);

/// Says that a part of the line was taken, although the write that it was handed to failed.
pub(crate) fn torn(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), Torn(error))
}

fn is_torn(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<Torn>())
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of the line was written")
    }
}

impl Error for Torn {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
