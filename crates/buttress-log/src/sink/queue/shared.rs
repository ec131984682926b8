//! `QueueHandle`: what the threads that log and the thread that writes share.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::config::InitError;
use crate::sink::line_sink::{LineSink, this_thread};
use crate::sink::losses::{LossCounters, LostLines};
use crate::sink::queue::backlog::{Backlog, Size};
use crate::sink::queue::settings::{Queue, WhenFull};
use crate::sink::queue::worker::Worker;
use crate::sink::severity::{PerSeverity, Severity};

/// Appends the record about lost lines, in the format of the sink.
pub(crate) type EncodeLosses = Box<dyn Fn(&mut Vec<u8>, &LostLines) + Send>;

/// A handle to a queue.
#[derive(Clone, Debug)]
pub(crate) struct QueueHandle(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    settings: Queue,
    state: Mutex<State>,
    /// Wakes the thread that writes.
    work: Condvar,
    /// Wakes threads that wait for room.
    room: Condvar,
    /// Wakes threads that wait for a flush or for the end.
    done: Condvar,
    pub(super) losses: Arc<LossCounters>,
    /// The thread that writes, as an address of `this_thread`; 0 before it begins.
    worker: AtomicUsize,
    /// Writes the lines that are logged after the end of that thread.
    direct: LineSink,
    writer: Mutex<Option<BoxedWriter>>,
}

/// The writer behind a queue.
pub(super) struct BoxedWriter(pub(super) Box<dyn Write + Send>);

impl std::fmt::Debug for BoxedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoxedWriter")
    }
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    worker: WorkerState,
    /// Lines accepted so far without those that were dropped again, and those of them whose write has ended.
    accepted: u64,
    ended: u64,
    /// Threads that wait for room.
    blocked: usize,
    /// Flushes asked for so far, and those that have ended.
    flushes: u64,
    flushed: u64,
    closed: bool,
}

/// What the thread that writes does while the queue is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WorkerState {
    /// It will look at the queue again by itself.
    #[default]
    Awake,
    /// It waits for a moment before it sleeps, so that threads that log often need not wake it.
    Lingers,
    Sleeps,
    Ended,
}

/// How long the thread that writes waits for more lines before it sleeps. Waking a sleeping thread costs more than a line.
const LINGER: Duration = Duration::from_millis(1);

/// A day, since a platform may not accept longer times.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

impl QueueHandle {
    pub(crate) fn start(
        settings: Queue,
        name: Arc<str>,
        writer: Box<dyn Write + Send>,
        losses: Arc<LossCounters>,
        encode: EncodeLosses,
    ) -> Result<Self, InitError> {
        settings.check()?;
        let shared = Arc::new(Shared {
            settings,
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            done: Condvar::new(),
            losses: Arc::clone(&losses),
            worker: AtomicUsize::new(0),
            direct: LineSink::counting_in(losses),
            writer: Mutex::new(None),
        });
        let worker = Worker::new(Arc::clone(&shared), name, BoxedWriter(writer), encode);
        let thread = thread::Builder::new().name("buttress-log".to_owned());
        thread.spawn(move || worker.run()).map_err(InitError::thread)?;
        Ok(Self(shared))
    }

    /// Adds a line, or counts it as lost.
    pub(crate) fn push(&self, line: &[u8], severity: Severity) {
        let shared = &*self.0;
        // Relaxed: only that thread ever stores its own address.
        if shared.worker.load(Ordering::Relaxed) == this_thread() {
            return shared.losses.add_reentrant_line();
        }
        let max = shared.settings.size();
        let mut state = shared.lock();
        if !state.backlog.has_room(line.len(), max) {
            state = shared.wait_for_room(state, line.len());
        }
        // After the wait: the queue may have ended meanwhile, and nothing would take the line out of it.
        if state.worker == WorkerState::Ended {
            drop(state);
            return shared.write_directly(line);
        }
        if !state.backlog.has_room(line.len(), max) {
            let mut dropped = PerSeverity::default();
            let has_room = state.backlog.make_room(line.len(), severity, max, &mut dropped);
            for other in Severity::ALL {
                shared.losses.add_queue_full(other, dropped[other]);
                state.accepted -= dropped[other];
            }
            if !has_room {
                drop(state);
                return shared.losses.add_queue_full(severity, 1);
            }
        }
        state.backlog.push(line, severity, max);
        state.accepted += 1;
        let wakes = match state.worker {
            WorkerState::Sleeps => true,
            WorkerState::Lingers => state.backlog.waiting().is_half_of(max),
            WorkerState::Awake | WorkerState::Ended => false,
        };
        if wakes {
            state.worker = WorkerState::Awake;
            drop(state);
            shared.work.notify_one();
        }
    }

    /// Waits until every line that was accepted before has been written or lost, and the writer has been flushed.
    ///
    /// Returns the number of lines that still wait if that takes longer than `limit`.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), u64> {
        let shared = &*self.0;
        let mut state = shared.lock();
        if state.worker == WorkerState::Ended {
            drop(state);
            shared.flush_directly();
            return Ok(());
        }
        // The thread that writes cannot wait for itself.
        if shared.worker.load(Ordering::Relaxed) == this_thread() {
            return Err(state.accepted - state.ended);
        }
        state.flushes += 1;
        let mine = state.flushes;
        shared.wake(&mut state);
        let state = shared.wait_until(state, limit, |state| state.flushed >= mine);
        if state.flushed >= mine { Ok(()) } else { Err(state.accepted - state.ended) }
    }

    /// Ends the thread that writes, after it has written what waits; later lines are written directly. Returns the number of
    /// lines that still wait if that takes longer than `limit`; the thread then goes on until it has written them.
    pub(crate) fn close(&self, limit: Duration) -> Result<(), u64> {
        let shared = &*self.0;
        let mut state = shared.lock();
        state.closed = true;
        shared.wake(&mut state);
        if shared.worker.load(Ordering::Relaxed) == this_thread() {
            return Err(state.accepted - state.ended);
        }
        let state = shared.wait_until(state, limit, |state| state.worker == WorkerState::Ended);
        if state.worker == WorkerState::Ended { Ok(()) } else { Err(state.accepted - state.ended) }
    }
}

/// What the thread that writes has to do next.
pub(super) struct Work {
    /// Up to which accepted line its lines go.
    pub(super) accepted: u64,
    /// The flushes that it has to end.
    pub(super) flushes: u64,
    /// This was the last of it.
    pub(super) last: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) {
        self.worker.store(this_thread(), Ordering::Relaxed);
    }

    pub(super) const fn max_bytes(&self) -> usize {
        self.settings.max_bytes
    }

    fn wake(&self, state: &mut State) {
        if matches!(state.worker, WorkerState::Sleeps | WorkerState::Lingers) {
            state.worker = WorkerState::Awake;
            self.work.notify_one();
        }
    }

    /// Waits for room for a line of `len` bytes, if the settings say so.
    fn wait_for_room<'s>(&'s self, mut state: MutexGuard<'s, State>, len: usize) -> MutexGuard<'s, State> {
        let WhenFull::Block { at_most } = self.settings.when_full else { return state };
        let max = self.settings.size();
        if !Size::default().with(len).fits(max) {
            return state;
        }
        self.wake(&mut state);
        state.blocked += 1;
        let waits =
            |state: &mut State| state.worker != WorkerState::Ended && !state.backlog.has_room(len, max);
        let (mut state, _) = self
            .room
            .wait_timeout_while(state, at_most.min(LONGEST_WAIT), waits)
            .unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
        state
    }

    /// Waits in real time, also where tokio's clock is paused: a test does not hang on a writer that does.
    fn wait_until<'s>(
        &self,
        state: MutexGuard<'s, State>,
        limit: Duration,
        is_done: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        let waits = |state: &mut State| !is_done(state);
        let limit = limit.min(LONGEST_WAIT);
        self.done.wait_timeout_while(state, limit, waits).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for lines, and exchanges them with the empty `own`. Returns without lines if a flush was asked for, if the queue
    /// was closed, or after `at_most`.
    pub(super) fn next_work(&self, own: &mut Backlog, at_most: Option<Duration>) -> Work {
        let mut state = self.lock();
        let has_work = |state: &State| state.closed || state.flushed < state.flushes;
        if !has_work(&state) && !state.backlog.waiting().is_half_of(self.settings.size()) {
            state.worker = WorkerState::Lingers;
            let idle = |state: &mut State| state.worker == WorkerState::Lingers;
            (state, _) =
                self.work.wait_timeout_while(state, LINGER, idle).unwrap_or_else(PoisonError::into_inner);
        }
        if !has_work(&state) && state.backlog.is_empty() {
            state.worker = WorkerState::Sleeps;
            let idle = |state: &mut State| state.worker == WorkerState::Sleeps;
            let at_most = at_most.unwrap_or(LONGEST_WAIT);
            (state, _) =
                self.work.wait_timeout_while(state, at_most, idle).unwrap_or_else(PoisonError::into_inner);
        }
        state.worker = WorkerState::Awake;
        state.backlog.swap(own);
        if state.blocked > 0 {
            self.room.notify_all();
        }
        Work { accepted: state.accepted, flushes: state.flushes, last: state.closed && own.is_empty() }
    }

    /// Returns `true` if `work` includes a flush.
    pub(super) fn must_flush(&self, work: &Work) -> bool {
        self.lock().flushed < work.flushes
    }

    /// Records that the lines up to number `accepted` have been written, and that `flushes` have ended.
    pub(super) fn ended(&self, work: &Work, flushed: bool) {
        let mut state = self.lock();
        state.ended = work.accepted;
        if flushed && state.flushed < work.flushes {
            state.flushed = work.flushes;
            self.done.notify_all();
        }
    }

    /// Ends the queue, if no line came meanwhile. From now on lines are written directly.
    ///
    /// `mid_line` says whether the output ends in the middle of a line.
    pub(super) fn try_end(&self, writer: BoxedWriter, mid_line: bool) -> Result<(), BoxedWriter> {
        let mut state = self.lock();
        if !state.backlog.is_empty() {
            return Err(writer);
        }
        self.direct.begin_mid_line(mid_line);
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
        self.worker.store(0, Ordering::Relaxed);
        state.worker = WorkerState::Ended;
        state.flushed = state.flushes;
        self.room.notify_all();
        self.done.notify_all();
        Ok(())
    }

    fn write_directly(&self, line: &[u8]) {
        self.direct.write_counted(|| self.writer_after_end(), line);
    }

    fn flush_directly(&self) {
        self.direct.flush_counted(|| self.writer_after_end());
    }

    fn writer_after_end(&self) -> AfterEnd<'_> {
        AfterEnd(self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The writer of a queue whose thread has ended.
struct AfterEnd<'a>(MutexGuard<'a, Option<BoxedWriter>>);

impl AfterEnd<'_> {
    fn writer(&mut self) -> io::Result<&mut (dyn Write + Send)> {
        let writer = self.0.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(&mut *writer.0)
    }
}

impl Write for AfterEnd<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.flush()
    }
}

impl Queue {
    const fn size(&self) -> Size {
        Size { lines: self.max_lines, bytes: self.max_bytes }
    }
}
