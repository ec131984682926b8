//! `TailBuffer`: the records of one call, shared by the call and whatever logs in its context.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buttress_context::Context;
use tracing::{Level, Metadata};

use crate::config::TARGET;
use crate::tail::lines::TailLines;

/// Where a kept line goes in the end.
pub(crate) trait LineOutput: Send + Sync {
    fn write_line(&self, line: &[u8], metadata: &'static Metadata<'static>);
}

/// The buffer of a call. It is an extension of the call's context, so it follows the call to other tasks and threads.
#[derive(Clone)]
pub(crate) struct TailBuffer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// That of the call around this one.
    outer: Option<TailBuffer>,
}

enum State {
    Open(TailLines<Kept>),
    /// The call has failed: later lines are written at once.
    Released,
    /// The call has succeeded: its lines belong to the outer call, or are dropped.
    Ended,
}

struct Kept {
    output: Arc<dyn LineOutput>,
    metadata: &'static Metadata<'static>,
}

impl TailBuffer {
    /// Creates a buffer of `max` bytes for a call in the current context.
    pub(crate) fn new(max: usize) -> Self {
        let outer = Self::current();
        Self(Arc::new(Shared { state: Mutex::new(State::Open(TailLines::new(max))), outer }))
    }

    pub(crate) fn is_in(context: &Context) -> bool {
        context.extension::<Self>().is_some()
    }

    /// The buffer of the current call.
    fn current() -> Option<Self> {
        // One byte says that most calls have none.
        if !Context::current_overrides() {
            return None;
        }
        Context::read(|context| context.extension::<Self>().cloned())
    }

    /// Returns `true` if the current call keeps a record or drops it, so that it is not to be written now.
    pub(crate) fn keeps<O: LineOutput + 'static>(
        output: &Arc<O>,
        line: &[u8],
        metadata: &'static Metadata<'static>,
    ) -> bool {
        if *metadata.level() < Level::DEBUG || metadata.target() == TARGET {
            return false;
        }
        let mut buffer = Self::current();
        // An ended call is part of the call around it.
        while let Some(Self(shared)) = buffer {
            match &mut *shared.lock() {
                State::Open(lines) => {
                    let output = Arc::clone(output) as Arc<dyn LineOutput>;
                    lines.push(Kept { output, metadata }, line);
                    return true;
                }
                State::Released => return false,
                State::Ended => {}
            }
            buffer = match &shared.outer {
                Some(outer) => Some(outer.clone()),
                None => return true,
            };
        }
        false
    }

    /// Writes the lines of a call that has failed. Returns how many had been dropped.
    pub(crate) fn release(&self) -> u64 {
        self.0.end(State::Released).map_or(0, write)
    }

    /// Ends a call that has succeeded: its lines are part of the outer call, or are dropped.
    pub(crate) fn end(&self) {
        let Some(lines) = self.0.end(State::Ended) else { return };
        let mut outer = self.0.outer.as_ref();
        while let Some(Self(shared)) = outer {
            let mut state = shared.lock();
            match &mut *state {
                State::Open(own) => return own.append(lines),
                State::Released => {
                    // The writer is not called under the lock.
                    drop(state);
                    write(lines);
                    return;
                }
                State::Ended => outer = shared.outer.as_ref(),
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, state: State) -> Option<TailLines<Kept>> {
        match mem::replace(&mut *self.lock(), state) {
            State::Open(lines) => Some(lines),
            State::Released | State::Ended => None,
        }
    }
}

fn write(lines: TailLines<Kept>) -> u64 {
    lines.for_each(|kept, line| kept.output.write_line(line, kept.metadata))
}

impl fmt::Debug for TailBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailBuffer").finish_non_exhaustive()
    }
}
