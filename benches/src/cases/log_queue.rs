//! Two threads log at full speed through a queue that loses nothing, until every line is written.
//!
//! A call is 1 000 lines, since starting the second thread takes longer than a line. A batch ends when the writer has all of
//! it, so a row cannot win by leaving lines in the queue.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use buttress::log::{JsonLayer, Queue, QueuedWriter, WhenFull};
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::log::{events, tracing_subscriber};
use crate::case::{BARE, Case, OURS, Subject};
use crate::peers;

pub(super) const CASES: [Case; 2] = [
    Case { name: "log-queue/1000-lines", subjects: lines },
    Case { name: "log-queue/1000-events", subjects: json },
];

/// As long as a usual line.
const LINE: &[u8] = b"{\"timestamp\":\"2026-01-01T03:00:12.345678Z\",\"level\":\"INFO\",\"message\":\"order accepted\",\
    \"target\":\"shop::orders\",\"customer\":4711,\"amount\":49.99,\"country\":\"NL\",\"express\":true,\"items\":3}\n";

/// The queue alone: lines that are encoded already.
fn lines() -> Vec<Subject> {
    let (ours, appender) = (ours(), tracing_appender());
    vec![
        Subject::new(BARE, bare(|n| write_lines(&io::sink, n))),
        Subject::new(OURS, until_written(ours.end, move |n| write_lines(&ours.writer, n))),
        Subject::new(
            peers::tracing_appender(),
            until_written(appender.end, move |n| write_lines(&appender.writer, n)),
        ),
    ]
}

fn write_lines<W: for<'a> MakeWriter<'a>>(queue: &W, n: u64) {
    for _ in 0..n {
        queue.make_writer().write_all(LINE).expect("the queue is open");
    }
}

/// Events with five fields, encoded as JSON.
fn json() -> Vec<Subject> {
    let (ours, appender) = (ours(), tracing_appender());
    let dispatch = Dispatch::new(Registry::default().with(JsonLayer::new(ours.writer)));
    let peer_dispatch = tracing_subscriber(appender.writer);
    vec![
        Subject::new(BARE, bare(|n| log(&Dispatch::none(), n))),
        Subject::new(OURS, until_written(ours.end, move |n| log(&dispatch, n))),
        Subject::new(
            format!("{} of {}", peers::tracing_appender(), peers::tracing_subscriber()),
            until_written(appender.end, move |n| log(&peer_dispatch, n)),
        ),
    ]
}

fn log(dispatch: &Dispatch, n: u64) {
    with_default(dispatch, || events(0)(n));
}

/// Produces 1 000 lines a call: half of them in this thread, half in another one.
fn bare(produce: impl Fn(u64) + Sync + Send + 'static) -> impl FnMut(u64) + Send + 'static {
    move |n| {
        thread::scope(|scope| {
            scope.spawn(|| produce(500 * n));
            produce(500 * n);
        });
    }
}

/// As [`bare`], and waits until the writer has all lines.
fn until_written(
    end: End,
    produce: impl Fn(u64) + Sync + Send + 'static,
) -> impl FnMut(u64) + Send + 'static {
    let (mut produce, mut logged) = (bare(produce), 0);
    move |n| {
        produce(n);
        logged += 1_000 * n;
        (end.flush)();
        while end.written.0.load(Ordering::Acquire) < logged {
            thread::yield_now();
        }
    }
}

/// A queue in front of a writer that counts lines.
struct Queued<W> {
    writer: W,
    end: End,
}

struct End {
    flush: Box<dyn Fn() + Send>,
    written: Lines,
}

/// Default sizes. A full queue blocks.
fn ours() -> Queued<QueuedWriter> {
    let written = Lines::default();
    let settings = Queue::new().when_full(WhenFull::Block { at_most: Duration::from_secs(60) });
    let (writer, guard) = settings.writer(written.clone()).expect("valid settings");
    let flush = move || guard.flush(Duration::from_secs(60)).expect("the writer takes everything");
    Queued { writer, end: End { flush: Box::new(flush), written } }
}

/// Default sizes. A full queue blocks. There is no flush, and none is needed: its thread sleeps only when the queue is empty.
fn tracing_appender() -> Queued<NonBlocking> {
    let written = Lines::default();
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(written.clone());
    let flush = move || {
        let _keeps_the_thread = &guard;
    };
    Queued { writer, end: End { flush: Box::new(flush), written } }
}

/// Counts the lines that are written to it.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicU64>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.0.fetch_add(lines, Ordering::Release);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
