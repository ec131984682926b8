//! `CallerClock`: measures the time in which a call waits for its own caller.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::Instant;

thread_local! {
    // Separate from the clock, so that the check for one takes one instruction.
    static IS_PUBLISHED: Cell<bool> = const { Cell::new(false) };
    static PUBLISHED: RefCell<Option<CallerClock>> = const { RefCell::new(None) };
}

/// Measures the time in which one attempt of a call waits for its own caller: its request body is a stream, and the caller
/// has not produced the next chunk.
///
/// That time says nothing about the dependency. An attempt timeout does not count it, and a circuit breaker subtracts it from
/// the duration of the call. `buttress-http` measures it for streamed bodies; other transports can do the same:
///
/// 1. Make a clock for each attempt.
/// 2. Poll the caller's stream through [`poll`](Self::poll), and call [`sent`](Self::sent) when the request is out.
/// 3. [`publish`](Self::publish) it whenever the future of the attempt is pending.
///
/// Outer layers [clear](Self::clear) the published clock before each poll, and read it if that poll is pending.
///
/// Clones share one clock. A gap ends when the stream wakes its reader, so that the time in which the other side does not read
/// available data is not counted as the caller's.
#[derive(Clone)]
pub struct CallerClock(Arc<Shared>);

struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    /// The total time of gaps that have ended.
    waited: Duration,
    /// The start of the current gap.
    gap: Option<Instant>,
    /// Whether the stream was woken since its last poll began.
    woken: bool,
    sent: Option<Instant>,
    /// Whether the request was dropped in a gap.
    is_cut: bool,
    /// Wakes the reader of the stream.
    reader: Option<Waker>,
    /// Wakes the layer that waits for the end of the gap.
    watcher: Option<Waker>,
}

/// A reading of a [`CallerClock`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerTime {
    /// The total time in which the attempt has waited for its caller, including the current gap.
    pub waited: Duration,
    /// The duration of the current gap; `None` while there is none.
    pub gap: Option<Duration>,
    /// When the whole request was handed to the connection; `None` before that.
    pub sent: Option<Instant>,
    /// Whether the request was dropped in a gap, before it was complete.
    pub is_cut: bool,
}

impl CallerTime {
    /// Returns `true` if the attempt waits for its caller, or waited for it when the request was dropped.
    #[must_use]
    pub const fn is_stalled(&self) -> bool {
        self.gap.is_some() || self.is_cut
    }
}

impl CallerClock {
    /// Creates a clock at zero.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared(Mutex::default())))
    }

    /// Polls the caller's stream. The time from a pending poll to its wake counts as the caller's.
    ///
    /// # Panics
    /// If `poll` panics.
    pub fn poll<T>(&self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let reader = cx.waker().clone();
        let old = self.0.with(|state| {
            state.woken = false;
            state.reader.replace(reader)
        });
        drop(old);
        let waker = Waker::from(Arc::clone(&self.0));
        let polled = poll(&mut Context::from_waker(&waker));
        let watcher = self.0.with(|state| {
            if polled.is_pending() && !state.woken && state.sent.is_none() {
                state.gap.get_or_insert_with(Instant::now);
                return None;
            }
            state.end_gap()
        });
        watcher.into_iter().for_each(Waker::wake);
        polled
    }

    /// Records that the request is out, or that the rest of it will not be read: from now on time counts as the other side's.
    /// Only the first call has an effect.
    pub fn sent(&self) {
        let (watcher, reader) = self.0.with(|state| {
            state.is_cut |= state.gap.is_some();
            state.sent.get_or_insert_with(Instant::now);
            (state.end_gap(), state.reader.take())
        });
        drop(reader);
        watcher.into_iter().for_each(Waker::wake);
    }

    /// Makes it the clock of the current poll, for outer layers to read.
    pub fn publish(&self) {
        IS_PUBLISHED.set(true);
        replace_published(Some(self.clone()));
    }

    /// Removes the clock that an earlier poll has published.
    #[inline]
    pub fn clear() {
        if IS_PUBLISHED.get() {
            Self::clear_now();
        }
    }

    #[cold]
    fn clear_now() {
        IS_PUBLISHED.set(false);
        replace_published(None);
    }

    /// Returns the clock that was published on this thread since the last [`clear`](Self::clear).
    #[must_use]
    #[inline]
    pub fn published() -> Option<Self> {
        if IS_PUBLISHED.get() { read_published() } else { None }
    }

    /// Returns `true` if both are clones of one clock.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Reads the clock.
    #[must_use]
    pub fn read(&self) -> CallerTime {
        self.0.with(|state| state.read())
    }

    /// Reads the clock, and wakes `watcher` when the current gap ends. Only the last watcher is woken.
    #[must_use = "watching a gap is useful only with the time that it shows"]
    pub fn watch(&self, watcher: &Waker) -> CallerTime {
        let watcher = watcher.clone();
        let (time, old) = self.0.with(|state| {
            let time = state.read();
            (time, if time.gap.is_some() { state.watcher.replace(watcher) } else { None })
        });
        drop(old);
        time
    }
}

impl Default for CallerClock {
    fn default() -> Self {
        Self::new()
    }
}

/// While a thread ends its locals may be destroyed. Then nothing is published.
fn replace_published(clock: Option<CallerClock>) {
    // The old clock is dropped after the borrow ends.
    let _old = PUBLISHED.try_with(|published| published.replace(clock));
}

#[cold]
fn read_published() -> Option<CallerClock> {
    PUBLISHED.try_with(|published| published.borrow().clone()).ok().flatten()
}

impl State {
    /// Returns the waker of the layer that waits for the end.
    fn end_gap(&mut self) -> Option<Waker> {
        self.waited += self.gap.take()?.elapsed();
        self.watcher.take()
    }

    fn read(&self) -> CallerTime {
        let gap = self.gap.map(|since| since.elapsed());
        CallerTime {
            waited: self.waited + gap.unwrap_or_default(),
            gap,
            sent: self.sent,
            is_cut: self.is_cut,
        }
    }
}

impl Shared {
    /// Nothing panics while the lock is held. Wakers are foreign code: they are cloned, woken and dropped outside the lock.
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Called by the stream when it has data.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = self.with(|state| {
            state.woken = true;
            [state.end_gap(), state.reader.take()]
        });
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl fmt::Debug for CallerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallerClock").field(&self.read()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    impl Wakes {
        fn take(&self) -> u32 {
            self.0.swap(0, SeqCst)
        }
    }

    fn waker() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::<Wakes>::default();
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    /// A pending poll of the stream, and the waker that the stream keeps.
    fn pending(clock: &CallerClock, reader: &Waker) -> Waker {
        let mut kept = None;
        let polled = clock.poll(&mut Context::from_waker(reader), |cx| {
            kept = Some(cx.waker().clone());
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        kept.unwrap_or_else(|| panic!("it is polled"))
    }

    fn ready(clock: &CallerClock) {
        assert!(clock.poll(&mut Context::from_waker(Waker::noop()), |_| Poll::Ready(())).is_ready());
    }

    /// A gap lasts from a pending poll to the wake: what is not read after that is not the caller's time.
    #[tokio::test(start_paused = true)]
    async fn a_gap_ends_with_the_wake() {
        let ((wakes, reader), clock) = (waker(), CallerClock::new());
        let stream = pending(&clock, &reader);
        advance(3 * SECOND).await;
        assert_eq!(
            clock.read(),
            CallerTime { waited: 3 * SECOND, gap: Some(3 * SECOND), ..CallerTime::default() }
        );
        // Polled once more in the gap, it is the same gap.
        let stream_again = pending(&clock, &reader);
        advance(SECOND).await;
        assert_eq!(clock.read().gap, Some(4 * SECOND));
        drop(stream);
        stream_again.wake();
        advance(SECOND).await;
        assert_eq!(clock.read(), CallerTime { waited: 4 * SECOND, ..CallerTime::default() });
        assert_eq!(wakes.take(), 1, "the reader is woken");
        ready(&clock);
        pending(&clock, &reader);
        advance(SECOND).await;
        assert_eq!((clock.read().waited, clock.read().gap), (5 * SECOND, Some(SECOND)));
        ready(&clock);
        assert_eq!(clock.read().gap, None);
    }

    /// A stream that wakes its reader before it returns has something: there is no gap.
    #[tokio::test(start_paused = true)]
    async fn a_wake_during_the_poll_begins_no_gap() {
        let clock = CallerClock::new();
        let polled = clock.poll(&mut Context::from_waker(Waker::noop()), |cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(polled.is_pending() && clock.read() == CallerTime::default());
    }

    /// From `sent` on all time is the other side's, and only the first call counts.
    #[tokio::test(start_paused = true)]
    async fn what_is_sent_waits_for_nobody() {
        let clock = CallerClock::new();
        ready(&clock);
        advance(SECOND).await;
        let at = Instant::now();
        clock.sent();
        advance(SECOND).await;
        clock.sent();
        pending(&clock, Waker::noop());
        advance(SECOND).await;
        assert_eq!(clock.read(), CallerTime { sent: Some(at), ..CallerTime::default() });
        assert!(!clock.read().is_stalled());

        let clock = CallerClock::new();
        pending(&clock, Waker::noop());
        assert!(clock.read().is_stalled() && !clock.read().is_cut);
        clock.sent();
        assert!(clock.read().is_stalled() && clock.read().is_cut, "dropped in a gap");
    }

    /// A layer that watches a gap is woken when it ends: by the stream, by a chunk, or with the request.
    #[tokio::test(start_paused = true)]
    async fn a_watcher_is_woken_once_the_gap_ends() {
        let (wakes, watcher) = waker();
        let ends: [fn(&CallerClock, Waker); 3] =
            [|_, stream| stream.wake(), |clock, _| ready(clock), |clock, _| clock.sent()];
        for end in ends {
            let clock = CallerClock::new();
            assert_eq!(clock.watch(&watcher).gap, None);
            let stream = pending(&clock, Waker::noop());
            assert!(clock.watch(&watcher).gap.is_some());
            assert_eq!(wakes.take(), 0);
            end(&clock, stream);
            assert_eq!(wakes.take(), 1);
            clock.sent();
            assert_eq!(wakes.take(), 0, "once");
        }
    }

    /// What is published lasts until it is cleared, and belongs to the thread.
    #[test]
    fn a_clock_is_published_until_it_is_cleared() {
        let clock = CallerClock::new();
        assert!(CallerClock::published().is_none());
        clock.publish();
        assert!(CallerClock::published().is_some_and(|published| published.is_same(&clock)));
        assert!(std::thread::spawn(|| CallerClock::published().is_none()).join().is_ok_and(|none| none));
        CallerClock::clear();
        assert!(CallerClock::published().is_none());
        assert!(!CallerClock::new().is_same(&clock));
    }
}
