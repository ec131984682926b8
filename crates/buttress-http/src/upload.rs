//! A stream that is kept while it is sent, so that a later attempt can send it again.

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

/// One attempt's view of a stream: first what earlier attempts have sent, then the rest of it.
///
/// The stream lies with what is kept of it, and an attempt has it only while it polls, outside of the lock. So a later
/// attempt need not wait for an earlier one to let go: a connection whose peer reads nothing holds its body for as long as
/// it likes.
pub(crate) struct Upload {
    shared: Arc<Shared>,
    /// Of the attempt. A later one has a higher number.
    number: u32,
    /// Bytes of data that this attempt has sent.
    sent: u64,
    ended: bool,
    /// Of the attempt, once it is [watched](Self::watch).
    clock: Option<CallerClock>,
}

#[derive(Debug)]
struct Shared {
    /// Of the whole stream.
    hint: SizeHint,
    /// How many bytes are kept.
    limit: usize,
    kept: Mutex<Kept>,
    failure: Failure,
}

/// Why the stream itself has failed. Told to those who see the attempt fail, after its body is gone.
type Failure = Arc<OnceLock<String>>;

#[derive(Debug)]
struct Kept {
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    rest: Rest,
    /// Who has read of the rest last: no earlier attempt gets any more of it.
    reader: u32,
    /// Attempts before this one have ended without an answer, or a later one waits: nor do they, though a connection may
    /// hold them still.
    over: u32,
    /// The number of the last copy.
    copies: u32,
    /// Something was read that is not kept: nobody but the reader goes on.
    lost: bool,
}

/// What follows the data that is kept.
enum Rest {
    /// This. Its reader waits for the next frame of it.
    Idle { stream: Source, reader: Option<Waker> },
    /// What an attempt is polling at this moment. A later attempt may wait for it.
    Polled { wanted: Option<Waker> },
    /// Nothing: the stream is at its end.
    Nothing,
}

/// What an attempt sends next.
enum Next {
    Data(Bytes, Last),
    Trailers(HeaderMap),
    /// Read from this, which that reader has waited for.
    Rest {
        stream: Source,
        reader: Option<Waker>,
        taken_over: bool,
    },
    End,
    Lost,
    GivenUp,
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
        let rest = Rest::Idle { stream: body.map_err(Into::into).boxed_unsync(), reader: None };
        let kept =
            Kept { data: Vec::new(), trailers: None, rest, reader: 0, over: 0, copies: 0, lost: false };
        Self::of(Arc::new(Shared { hint, limit, kept: Mutex::new(kept), failure: Failure::default() }), 0)
    }

    const fn of(shared: Arc<Shared>, number: u32) -> Self {
        Self { shared, number, sent: 0, ended: false, clock: None }
    }

    /// Changes how many bytes are kept, unless there is a copy already.
    pub(crate) fn limit(mut self, limit: usize) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.limit = limit;
            let kept = shared.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
            // Of a copy that is gone.
            if kept.data.len() > limit {
                kept.lose();
            }
        }
        self
    }

    /// The same stream from its beginning, for an attempt after this one; none where it is known to be lost.
    pub(crate) fn replay(&self) -> Option<Self> {
        let mut kept = self.shared.kept();
        if kept.lost {
            return None;
        }
        kept.copies += 1;
        Some(Self::of(Arc::clone(&self.shared), kept.copies))
    }

    /// Is nothing of it lost?
    pub(crate) fn replayable(&self) -> bool {
        !self.shared.kept().lost
    }

    /// For whoever sees the answer to this attempt. From now on its clock runs.
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
            Next::Rest { stream, reader, taken_over } => {
                // So that it fails, rather than waits for ever.
                reader.into_iter().filter(|_| taken_over).for_each(Waker::wake);
                return self.poll_rest(stream, cx);
            }
            Next::Lost => self.fail("the request body can't be sent again"),
            Next::GivenUp => self.fail(GIVEN_UP),
        };
        Poll::Ready(frame)
    }

    fn poll_rest(&mut self, mut stream: Source, cx: &mut Context<'_>) -> Polled {
        let mut panic = Panic(Some(&self.shared));
        let polled = match &self.clock {
            Some(clock) => clock.poll(cx, |cx| Pin::new(&mut stream).poll_frame(cx)),
            None => Pin::new(&mut stream).poll_frame(cx),
        };
        if let Poll::Ready(Some(Err(error))) = &polled {
            // Its text is other people's code as well.
            let _ = self.shared.failure.set(error.to_string());
        }
        let last = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || stream.is_end_stream(),
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        panic.0 = None;
        drop(panic);
        // Alone, it is the last attempt: nobody reads what would be kept, and nobody can make a copy but itself.
        let alone = Arc::strong_count(&self.shared) == 1;
        let reader = polled.is_pending().then(|| cx.waker().clone());
        let rest = if last { Rest::Nothing } else { Rest::Idle { stream, reader } };
        if let Some(later) = self.shared.keep(&polled, rest, alone) {
            later.wake();
            return Poll::Ready(self.fail(GIVEN_UP));
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

/// The connection reads no more of it.
impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(clock) = &self.clock {
            clock.sent();
        }
    }
}

/// To an attempt that goes on although it is over, or a later one has begun.
const GIVEN_UP: &str = "the request was given up, and is sent again";

/// A stream that panics is lost: dropped while it unwinds.
struct Panic<'s>(Option<&'s Shared>);

impl Drop for Panic<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            let failed = Poll::Ready(Some(Err("the request body panicked".into())));
            let later = shared.keep(&failed, Rest::Nothing, false);
            later.into_iter().for_each(Waker::wake);
        }
    }
}

impl Shared {
    /// Nothing under the lock panics: what is in it is whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the attempt of this number, which has sent so many bytes. Waits while an earlier one polls.
    fn poll_next(&self, number: u32, sent: u64, cx: &mut Context<'_>) -> Poll<Next> {
        let mut kept = self.kept();
        if kept.lost && number != kept.reader {
            return Poll::Ready(Next::Lost);
        }
        let left = usize::try_from(sent).map_or(&[][..], |sent| kept.data.get(sent..).unwrap_or_default());
        if !left.is_empty() {
            let last = matches!(kept.rest, Rest::Nothing) && kept.trailers.is_none();
            return Poll::Ready(Next::Data(Bytes::copy_from_slice(left), last));
        }
        let is_late = number < kept.reader.max(kept.over);
        match mem::replace(&mut kept.rest, Rest::Polled { wanted: None }) {
            Rest::Nothing => {
                kept.rest = Rest::Nothing;
                Poll::Ready(kept.trailers.clone().map_or(Next::End, Next::Trailers))
            }
            rest if is_late => {
                kept.rest = rest;
                Poll::Ready(Next::GivenUp)
            }
            Rest::Idle { stream, reader } => {
                let taken_over = mem::replace(&mut kept.reader, number) != number;
                Poll::Ready(Next::Rest { stream, reader, taken_over })
            }
            Rest::Polled { wanted } => {
                kept.rest = Rest::Polled { wanted: Some(cx.waker().clone()) };
                let pushed_out = kept.over < number;
                kept.over = kept.over.max(number);
                // A waker, its drop too, is other people's code: not under the lock.
                drop(kept);
                // An earlier attempt that waited finds that it is over.
                wanted.into_iter().filter(|_| pushed_out).for_each(Waker::wake);
                Poll::Pending
            }
        }
    }

    /// Takes the rest back, and keeps what was read of it, if it fits; says who waits for the rest.
    fn keep(&self, polled: &Polled, rest: Rest, alone: bool) -> Option<Waker> {
        let mut kept = self.kept();
        let fits = match polled {
            Poll::Ready(Some(Ok(frame))) => !alone && !kept.lost && kept.add(frame, self),
            Poll::Ready(Some(Err(_))) => false,
            Poll::Ready(None) | Poll::Pending => true,
        };
        if !fits {
            kept.lose();
        }
        match mem::replace(&mut kept.rest, rest) {
            Rest::Polled { wanted } => wanted,
            // Who polls has put it there.
            Rest::Idle { .. } | Rest::Nothing => None,
        }
    }
}

impl Kept {
    /// Is there room for it?
    fn add(&mut self, frame: &Frame<Bytes>, shared: &Shared) -> bool {
        // What is too long from the beginning is not kept at all.
        let room = match usize::try_from(shared.hint.lower()) {
            Ok(least) if least <= shared.limit => shared.limit.saturating_sub(self.data.len()),
            _ => 0,
        };
        if let Some(data) = frame.data_ref() {
            if data.len() > room {
                return false;
            }
            self.data.extend_from_slice(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            let size: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            if size > room {
                return false;
            }
            self.trailers = Some(trailers.clone());
        }
        true
    }

    fn lose(&mut self) {
        self.lost = true;
        self.data = Vec::new();
        self.trailers = None;
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle { .. } => "Idle",
            Self::Polled { .. } => "Polled",
            Self::Nothing => "Nothing",
        })
    }
}

/// Tells an upload how its attempt ended: with an answer, or, dropped, without.
pub(crate) struct Watch {
    shared: Weak<Shared>,
    /// Of the attempt.
    number: u32,
    /// Of all data, where it is known.
    length: Option<u64>,
    failure: Failure,
    clock: CallerClock,
}

impl Watch {
    /// The time in which this attempt has waited for the stream.
    pub(crate) const fn clock(&self) -> &CallerClock {
        &self.clock
    }

    /// Why the stream has failed, if it has: then no answer is the server's fault, whatever the connection says.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// The server has answered. What it has not read by now it may never read: nobody knows what the answer is to, so
    /// the request is not repeated.
    pub(crate) fn answered(mut self) {
        let Some(shared) = mem::take(&mut self.shared).upgrade() else { return };
        let mut kept = shared.kept();
        // A client that was told the length need not ask for the end.
        let whole = matches!(kept.rest, Rest::Nothing) || self.length == Some(kept.data.len() as u64);
        if whole {
            return;
        }
        kept.lose();
        let Rest::Polled { wanted } = &mut kept.rest else { return };
        let wanted = wanted.take();
        drop(kept);
        // A waker is other people's code: not under the lock.
        wanted.into_iter().for_each(Waker::wake);
    }
}

/// What is not read yet is for the next attempt: a connection that lives on must not read it into nothing meanwhile.
impl Drop for Watch {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut kept = shared.kept();
        kept.over = kept.over.max(self.number + 1);
        let is_over = kept.reader < kept.over;
        let Rest::Idle { reader, .. } = &mut kept.rest else { return };
        // So that it fails, rather than waits for ever.
        let reader = reader.take_if(|_| is_over);
        drop(kept);
        reader.into_iter().for_each(Waker::wake);
    }
}
