//! `FlushGuard`: what `main` keeps until the program ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::levels::LogHandle;
use crate::sink::line_sink::LineSink;
use crate::sink::losses::LossCounters;
use crate::sink::queue::QueueHandle;
use crate::sink::stats::{LogStats, SinkStats};

/// Writes what waits and flushes all sinks when it is dropped, within [`DROP_LIMIT`](Self::DROP_LIMIT). Keep it until the end
/// of `main`.
///
/// A panic that unwinds out of `main` drops the guard. `std::process::exit`, `abort` and a signal do not: call
/// [`flush`](Self::flush), or a [`Flusher`], before.
#[must_use = "flushes as soon as it is dropped: bind it to a name other than `_`"]
#[derive(Debug)]
pub struct FlushGuard {
    flusher: Flusher,
    handle: LogHandle,
}

/// Flushes all sinks, from anywhere: a task that waits for a signal, or a panic hook. Clones flush the same sinks.
///
/// ```no_run
/// use std::time::Duration;
///
/// use tokio::signal::unix::{SignalKind, signal};
///
/// # async fn serve() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guard = buttress_log::init()?;
/// let mut terminate = signal(SignalKind::terminate())?;
/// let flusher = guard.flusher();
/// tokio::spawn(async move {
///     terminate.recv().await;
///     tracing::info!("terminated");
///     let _ = flusher.flush(Duration::from_secs(2));
///     std::process::exit(143);
/// });
/// serve().await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Flusher(Arc<[OpenSink]>);

/// A sink that is in use.
pub(crate) struct OpenSink {
    name: Arc<str>,
    losses: Arc<LossCounters>,
    flush: Flush,
}

enum Flush {
    Direct(Box<dyn Fn(Duration) -> Result<(), u64> + Send + Sync>),
    Queue(QueueHandle),
}

impl FlushGuard {
    /// The longest time that dropping it takes for all sinks together: five seconds, unless the `flush` of a writer without a
    /// queue takes longer. What waits then goes on being written while the process lives.
    pub const DROP_LIMIT: Duration = Duration::from_secs(5);

    pub(crate) fn new(sinks: Vec<OpenSink>) -> Self {
        Self { flusher: Flusher(sinks.into()), handle: LogHandle::without_levels() }
    }

    pub(crate) fn with_handle(mut self, handle: LogHandle) -> Self {
        self.handle = handle;
        self
    }

    pub(crate) fn of_queue(name: &str, queue: QueueHandle, losses: Arc<LossCounters>) -> Self {
        Self::new(vec![OpenSink { name: name.into(), losses, flush: Flush::Queue(queue) }])
    }

    /// Writes what waits, and flushes all sinks. Blocks the thread.
    ///
    /// # Errors
    /// [`FlushError`] if lines still wait in a queue after `limit`, or if another thread is still writing one to a sink without
    /// a queue. The `flush` of such a sink's writer has no limit. A writer that fails is counted in the
    /// [statistics](Self::stats).
    pub fn flush(&self, limit: Duration) -> Result<(), FlushError> {
        self.flusher.flush(limit)
    }

    /// Returns the handle that changes the levels of the running program. That of a [`Queue`](crate::Queue) alone, which has no
    /// levels, refuses every change.
    #[must_use]
    pub fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Returns a handle that flushes the same sinks.
    #[must_use]
    pub fn flusher(&self) -> Flusher {
        self.flusher.clone()
    }

    /// Returns what each sink has written and lost so far.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        self.flusher.stats()
    }
}

impl Flusher {
    /// Writes what waits, and flushes all sinks. Blocks the thread.
    ///
    /// # Errors
    /// As [`FlushGuard::flush`].
    pub fn flush(&self, limit: Duration) -> Result<(), FlushError> {
        self.each(limit, |sink, left| match &sink.flush {
            Flush::Direct(flush) => flush(left),
            Flush::Queue(queue) => queue.flush(left),
        })
    }

    /// Returns what each sink has written and lost so far.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        LogStats::new(self.0.iter().map(|sink| SinkStats::new(&sink.name, &sink.losses)).collect())
    }

    fn close(&self, limit: Duration) -> Result<(), FlushError> {
        self.each(limit, |sink, left| match &sink.flush {
            Flush::Direct(flush) => flush(left),
            Flush::Queue(queue) => queue.close(left),
        })
    }

    /// Runs `work` on each sink with the time that is left.
    fn each(
        &self,
        limit: Duration,
        work: impl Fn(&OpenSink, Duration) -> Result<(), u64>,
    ) -> Result<(), FlushError> {
        let start = Instant::now();
        let mut error: Option<FlushError> = None;
        for sink in &*self.0 {
            if let Err(waiting) = work(sink, limit.saturating_sub(start.elapsed())) {
                let error = error.get_or_insert_with(|| FlushError { limit, waiting: 0, sinks: Vec::new() });
                error.waiting += waiting;
                error.sinks.push(Arc::clone(&sink.name));
            }
        }
        error.map_or(Ok(()), Err)
    }
}

/// A `flush` that fails or panics is counted in the [statistics](Self::stats), and has no other effect.
impl Drop for FlushGuard {
    fn drop(&mut self) {
        let _ = self.flusher.close(Self::DROP_LIMIT);
    }
}

impl OpenSink {
    pub(crate) fn direct<W>(name: Arc<str>, writer: W, sink: Arc<LineSink>) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let losses = Arc::clone(sink.losses());
        let flush = move |limit| {
            // The line of that thread, at least.
            if !sink.is_free_within(limit) {
                return Err(1);
            }
            sink.flush(&writer);
            Ok(())
        };
        Self { name, losses, flush: Flush::Direct(Box::new(flush)) }
    }

    pub(crate) const fn queued(name: Arc<str>, queue: QueueHandle, losses: Arc<LossCounters>) -> Self {
        Self { name, losses, flush: Flush::Queue(queue) }
    }
}

impl fmt::Debug for OpenSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSink")
            .field("name", &self.name)
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

/// Lines still waited in a queue when the time for a flush was over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushError {
    limit: Duration,
    waiting: u64,
    sinks: Vec<Arc<str>>,
}

impl FlushError {
    /// Returns how many lines still waited.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, waiting, sinks } = self;
        let lines = if *waiting == 1 { "line still waits" } else { "lines still wait" };
        write!(f, "log not flushed within {limit:?}: {waiting} {lines} for {}", sinks.join(", "))
    }
}

impl std::error::Error for FlushError {}

/// One writer, which the layer writes to and the guard flushes.
pub(crate) struct SharedWriter<W>(Arc<W>);

impl<W> SharedWriter<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(Arc::new(writer))
    }
}

impl<W> Clone for SharedWriter<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for SharedWriter<W> {
    type Writer = W::Writer;

    fn make_writer(&'a self) -> W::Writer {
        self.0.make_writer()
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> W::Writer {
        self.0.make_writer_for(metadata)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Mutex;
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::layer::JsonLayer;

    type Gate = Arc<Mutex<()>>;

    /// Takes lines only while nobody holds the gate.
    struct Gated(Gate);

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.0.lock());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Refuses as many writes as the number says.
    struct Refuses {
        left: u32,
        out: Vec<u8>,
    }

    impl Write for Refuses {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left > 0 {
                self.left -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.out.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// [S37] A sink without a queue says what it has lost as soon as it can write again, and at a flush.
    #[test]
    fn a_sink_says_what_it_has_lost() {
        for (refused, expected) in [(0, "a b"), (1, "lost b"), (2, "b lost")] {
            drop(crate::test::capture()); // so that tests at the same time do not disable callsites for each other
            let sink = Arc::new(LineSink::default().reporting("file".into()));
            let writer = SharedWriter::new(Mutex::new(Refuses { left: refused, out: Vec::new() }));
            let open = OpenSink::direct("file".into(), writer.clone(), Arc::clone(&sink));
            let guard = FlushGuard::new(vec![open]);
            let subscriber = tracing_subscriber::registry().with(JsonLayer::with_sink(writer.clone(), sink));
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!("a");
                tracing::info!("b");
            });
            guard.flush(Duration::from_secs(60)).unwrap();
            let text = String::from_utf8(writer.0.lock().unwrap().out.clone()).unwrap();
            let names = text.lines().map(|line| match line {
                _ if line.contains("1 log line was lost") => "lost",
                _ if line.contains("\"message\":\"a\"") => "a",
                _ => "b",
            });
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected);
            assert_eq!(guard.stats().lost(), u64::from(refused > 0));
        }
    }

    /// A thread that is stuck in a writer hangs neither a flush nor the end of the program.
    #[test]
    fn a_flush_does_not_wait_longer_for_a_stuck_thread() {
        let gate = Gate::default();
        let sink = Arc::new(LineSink::default());
        let writer = {
            let gate = Arc::clone(&gate);
            SharedWriter::new(move || Gated(Arc::clone(&gate)))
        };
        let open = OpenSink::direct("stdout".into(), writer.clone(), Arc::clone(&sink));
        let guard = FlushGuard::new(vec![open]);
        thread::scope(|scope| {
            let closed = gate.lock();
            scope.spawn(|| sink.write_counted(|| writer.make_writer(), b"stuck\n"));
            while sink.is_free_within(Duration::ZERO) {
                thread::yield_now();
            }
            let error = guard.flush(Duration::from_millis(5)).unwrap_err();
            assert_eq!(error.to_string(), "log not flushed within 5ms: 1 line still waits for stdout");
            drop(closed);
        });
        guard.flush(Duration::from_secs(60)).unwrap();
        assert_eq!((guard.stats().written(), guard.stats().lost()), (1, 0));
    }
}
