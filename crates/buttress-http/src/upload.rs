//! `Upload`: a streamed request body that is kept while it is sent, so that a later attempt can send it again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::{fmt, mem};

use buttress_context::CallerClock;
use buttress_error::BoxError;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

type Source = UnsyncBoxBody<Bytes, BoxError>;

/// One attempt's view of a stream: first the part that earlier attempts have sent, then the rest.
///
/// The stream is stored next to its replay buffer, and an attempt takes it out only for a poll, which runs outside of the
/// lock. So a later attempt does not wait until an earlier one drops its body: a connection whose peer reads nothing may keep
/// the body forever.
pub(crate) struct Upload {
    shared: Arc<Shared>,
    /// The number of the attempt. A later attempt has a higher number.
    number: u32,
    /// The number of bytes that this attempt has sent.
    sent: u64,
    ended: bool,
    /// The clock of the attempt, once it is [watched](Self::watch).
    clock: Option<CallerClock>,
}

#[derive(Debug)]
struct Shared {
    /// The size of the whole stream.
    hint: SizeHint,
    /// The limit of the replay buffer in bytes.
    limit: usize,
    state: Mutex<State>,
    failure: Failure,
}

/// The reason why the stream failed, for the error of the attempt, which comes after its body is dropped.
type Failure = Arc<OnceLock<String>>;

#[derive(Debug)]
struct State {
    /// The replay buffer.
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    source: SourceState,
    /// The attempt that has read from the source last: no earlier attempt reads from it again.
    reader: u32,
    /// Attempts before this one have ended without a response, or a later one waits. They do not read from the source
    /// either, although a connection may still hold them.
    first_live: u32,
    /// The number of the last copy.
    copies: u32,
    /// A part was read that is not kept, so only the last reader can continue.
    is_lost: bool,
}

/// The source, from which the data after the replay buffer come.
enum SourceState {
    /// No attempt polls it. Its last reader may wait for the next frame.
    Idle { stream: Source, reader: Option<Waker> },
    /// An attempt has taken it out for a poll. A later attempt may wait for it.
    Polled { waiting: Option<Waker> },
    /// The stream has ended.
    Ended,
}

/// The next step of an attempt.
enum Next {
    Data(Bytes, Last),
    Trailers(HeaderMap),
    /// Read from the source, for which `reader` has waited.
    Source {
        stream: Source,
        reader: Option<Waker>,
        taken_over: bool,
    },
    End,
    Lost,
    Superseded,
}

type Last = bool;

type Polled = Poll<Option<Result<Frame<Bytes>, BoxError>>>;

impl Upload {
    pub(crate) fn new<B>(body: B, limit: usize) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let hint = body.size_hint();
        let source = SourceState::Idle { stream: body.map_err(Into::into).boxed_unsync(), reader: None };
        let state = State {
            data: Vec::new(),
            trailers: None,
            source,
            reader: 0,
            first_live: 0,
            copies: 0,
            is_lost: false,
        };
        Self::of(Arc::new(Shared { hint, limit, state: Mutex::new(state), failure: Failure::default() }), 0)
    }

    const fn of(shared: Arc<Shared>, number: u32) -> Self {
        Self { shared, number, sent: 0, ended: false, clock: None }
    }

    /// Changes the limit of the replay buffer, unless there is a copy already.
    pub(crate) fn limit(mut self, limit: usize) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.limit = limit;
            let state = shared.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            // A copy that was dropped has filled the buffer.
            if state.data.len() > limit {
                state.lose();
            }
        }
        self
    }

    /// Returns the same stream from its beginning, for a later attempt; `None` if a part of it is known to be lost.
    pub(crate) fn replay(&self) -> Option<Self> {
        let mut state = self.shared.state();
        if state.is_lost {
            return None;
        }
        state.copies += 1;
        Some(Self::of(Arc::clone(&self.shared), state.copies))
    }

    /// Returns `true` if no part of it is lost.
    pub(crate) fn replayable(&self) -> bool {
        !self.shared.state().is_lost
    }

    /// Returns the handle for the outcome of this attempt, and starts its clock.
    pub(crate) fn watch(&mut self, declared: Option<u64>) -> Watch {
        let length = declared.or(self.shared.hint.exact());
        let failure = Arc::clone(&self.shared.failure);
        let clock = self.clock.get_or_insert_default().clone();
        Watch { shared: Arc::downgrade(&self.shared), number: self.number, length, failure, clock }
    }

    pub(crate) const fn is_end_stream(&self) -> bool {
        self.ended
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let left = |size: u64| if self.ended { 0 } else { size.saturating_sub(self.sent) };
        let mut hint = SizeHint::new();
        hint.set_lower(left(self.shared.hint.lower()));
        if let Some(upper) = self.shared.hint.upper() {
            hint.set_upper(left(upper));
        }
        hint
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.poll_stream(cx);
        if let (true, Some(clock)) = (self.ended, &self.clock) {
            clock.sent();
        }
        polled
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Polled {
        let frame = match ready!(self.shared.poll_next(self.number, self.sent, cx)) {
            Next::Data(data, last) => {
                self.sent += data.len() as u64;
                self.ended = last;
                Some(Ok(Frame::data(data)))
            }
            Next::Trailers(trailers) => {
                self.ended = true;
                Some(Ok(Frame::trailers(trailers)))
            }
            Next::End => {
                self.ended = true;
                None
            }
            Next::Source { stream, reader, taken_over } => {
                // The earlier reader then fails instead of waiting forever.
                reader.into_iter().filter(|_| taken_over).for_each(Waker::wake);
                return self.poll_source(stream, cx);
            }
            Next::Lost => self.fail("the request body can't be sent again"),
            Next::Superseded => self.fail(SUPERSEDED),
        };
        Poll::Ready(frame)
    }

    fn poll_source(&mut self, mut stream: Source, cx: &mut Context<'_>) -> Polled {
        let mut panic = PanicGuard(Some(&self.shared));
        let polled = match &self.clock {
            Some(clock) => clock.poll(cx, |cx| Pin::new(&mut stream).poll_frame(cx)),
            None => Pin::new(&mut stream).poll_frame(cx),
        };
        if let Poll::Ready(Some(Err(error))) = &polled {
            // `to_string` runs foreign code: the guard is still armed.
            let _ = self.shared.failure.set(error.to_string());
        }
        let last = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || stream.is_end_stream(),
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        panic.0 = None;
        drop(panic);
        // Without other copies this is the last attempt: nothing has to be kept, and only this attempt can make a copy.
        let alone = Arc::strong_count(&self.shared) == 1;
        let reader = polled.is_pending().then(|| cx.waker().clone());
        let source = if last { SourceState::Ended } else { SourceState::Idle { stream, reader } };
        if let Some(later) = self.shared.put_back(&polled, source, alone) {
            later.wake();
            return Poll::Ready(self.fail(SUPERSEDED));
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        self.ended = last;
        polled
    }

    fn fail<T>(&mut self, why: &'static str) -> Option<Result<T, BoxError>> {
        self.ended = true;
        Some(Err(why.into()))
    }
}

/// The connection reads no further.
impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(clock) = &self.clock {
            clock.sent();
        }
    }
}

/// The error of an attempt that still reads although it has ended or a later one has begun.
const SUPERSEDED: &str = "the request was abandoned and is sent again";

/// Marks a stream that panics as lost while it unwinds.
struct PanicGuard<'s>(Option<&'s Shared>);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            let failed = Poll::Ready(Some(Err("the request body panicked".into())));
            let later = shared.put_back(&failed, SourceState::Ended, false);
            later.into_iter().for_each(Waker::wake);
        }
    }
}

impl Shared {
    /// Locks the state. No code under the lock panics, so the state is complete even if the lock is poisoned.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next step of attempt `number`, which has sent `sent` bytes. It waits while an earlier attempt polls.
    fn poll_next(&self, number: u32, sent: u64, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.state();
        if state.is_lost && number != state.reader {
            return Poll::Ready(Next::Lost);
        }
        let left = usize::try_from(sent).map_or(&[][..], |sent| state.data.get(sent..).unwrap_or_default());
        if !left.is_empty() {
            let last = matches!(state.source, SourceState::Ended) && state.trailers.is_none();
            return Poll::Ready(Next::Data(Bytes::copy_from_slice(left), last));
        }
        let is_superseded = number < state.reader.max(state.first_live);
        match mem::replace(&mut state.source, SourceState::Polled { waiting: None }) {
            SourceState::Ended => {
                state.source = SourceState::Ended;
                Poll::Ready(state.trailers.clone().map_or(Next::End, Next::Trailers))
            }
            source if is_superseded => {
                state.source = source;
                Poll::Ready(Next::Superseded)
            }
            SourceState::Idle { stream, reader } => {
                let taken_over = mem::replace(&mut state.reader, number) != number;
                Poll::Ready(Next::Source { stream, reader, taken_over })
            }
            SourceState::Polled { waiting } => {
                state.source = SourceState::Polled { waiting: Some(cx.waker().clone()) };
                let supersedes = state.first_live < number;
                state.first_live = state.first_live.max(number);
                // Wakers, including their drop, are foreign code and must not run under the lock.
                drop(state);
                // An earlier attempt that waited finds that it is superseded.
                waiting.into_iter().filter(|_| supersedes).for_each(Waker::wake);
                Poll::Pending
            }
        }
    }

    /// Puts the source back and keeps the frame that was read, if it fits. Returns the waker of a waiting later attempt.
    fn put_back(&self, polled: &Polled, source: SourceState, alone: bool) -> Option<Waker> {
        let mut state = self.state();
        let fits = match polled {
            Poll::Ready(Some(Ok(frame))) => !alone && !state.is_lost && state.add(frame, self),
            Poll::Ready(Some(Err(_))) => false,
            Poll::Ready(None) | Poll::Pending => true,
        };
        if !fits {
            state.lose();
        }
        match mem::replace(&mut state.source, source) {
            SourceState::Polled { waiting } => waiting,
            // Only the attempt that polls replaces `Polled`.
            SourceState::Idle { .. } | SourceState::Ended => None,
        }
    }
}

impl State {
    /// Keeps a frame; returns `false` if it does not fit.
    fn add(&mut self, frame: &Frame<Bytes>, shared: &Shared) -> bool {
        // Nothing is kept of a stream that is known to be too long.
        let free = match usize::try_from(shared.hint.lower()) {
            Ok(least) if least <= shared.limit => shared.limit.saturating_sub(self.data.len()),
            _ => 0,
        };
        if let Some(data) = frame.data_ref() {
            if data.len() > free {
                return false;
            }
            self.data.extend_from_slice(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            let size: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            if size > free {
                return false;
            }
            self.trailers = Some(trailers.clone());
        }
        true
    }

    fn lose(&mut self) {
        self.is_lost = true;
        self.data = Vec::new();
        self.trailers = None;
    }
}

impl fmt::Debug for SourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle { .. } => "Idle",
            Self::Polled { .. } => "Polled",
            Self::Ended => "Ended",
        })
    }
}

/// The handle that reports to an upload how its attempt ended: with a response, or without one if it is dropped.
pub(crate) struct Watch {
    shared: Weak<Shared>,
    /// The number of the attempt.
    number: u32,
    /// The length of the whole stream, if it is known.
    length: Option<u64>,
    failure: Failure,
    clock: CallerClock,
}

impl Watch {
    /// Returns the clock of the time for which this attempt has waited for its stream.
    pub(crate) const fn clock(&self) -> &CallerClock {
        &self.clock
    }

    /// Returns the reason why the stream failed. If it has failed, a missing response is not the server's fault.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Records that the server has responded. It may never read the rest of the stream, so the response may not be to the
    /// whole request, which is therefore not retried.
    pub(crate) fn responded(mut self) {
        let Some(shared) = mem::take(&mut self.shared).upgrade() else { return };
        let mut state = shared.state();
        // A client that knows the length does not poll for the end.
        let is_whole =
            matches!(state.source, SourceState::Ended) || self.length == Some(state.data.len() as u64);
        if is_whole {
            return;
        }
        state.lose();
        let SourceState::Polled { waiting } = &mut state.source else { return };
        let waiting = waiting.take();
        drop(state);
        // Wakers are foreign code and must not run under the lock.
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The rest of the stream belongs to the next attempt, so a connection that stays alive must not read it.
impl Drop for Watch {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.state();
        state.first_live = state.first_live.max(self.number + 1);
        let is_superseded = state.reader < state.first_live;
        let SourceState::Idle { reader, .. } = &mut state.source else { return };
        // The reader then fails instead of waiting forever.
        let reader = reader.take_if(|_| is_superseded);
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }
}
