//! The queue: what is accepted is written or counted, whatever the writer does.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use buttress_log::{Config, FlushGuard, JsonLayer, Queue, QueuedWriter, Sink, WhenFull};
use tracing::{Dispatch, Level, debug, error, info};
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);

/// A writer that takes bytes only while its gate is open.
#[derive(Clone, Default)]
struct Gated(Arc<Gate>);

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    out: Mutex<Vec<u8>>,
    /// A write has reached the closed gate.
    waits: AtomicBool,
}

impl Gated {
    fn open(&self) {
        *self.0.open.lock().unwrap() = true;
        self.0.changed.notify_all();
    }

    fn wait_until_it_is_used(&self) {
        while !self.0.waits.load(Ordering::Acquire) {
            thread::yield_now();
        }
    }

    fn messages(&self) -> Vec<String> {
        messages(&self.0.out.lock().unwrap())
    }
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.waits.store(true, Ordering::Release);
        let open = self.0.open.lock().unwrap();
        drop(self.0.changed.wait_while(open, |open| !*open).unwrap());
        self.0.out.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn messages(bytes: &[u8]) -> Vec<String> {
    kit::parse(bytes).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

fn dispatch(writer: QueuedWriter) -> Dispatch {
    drop(buttress_log::test::capture()); // so that tests at the same time do not disable callsites for each other
    Dispatch::new(tracing_subscriber::registry().with(JsonLayer::new(writer)))
}

fn queue(settings: Queue, writer: impl Write + Send + 'static) -> (Dispatch, FlushGuard) {
    let (writer, guard) = settings.writer(writer).unwrap();
    (dispatch(writer), guard)
}

/// [S37] Lines are written in order, and a flush waits for them.
#[test]
fn a_flush_waits_for_the_lines() {
    let out = Gated::default();
    out.open();
    let (dispatch, guard) = queue(Queue::new(), out.clone());
    tracing::dispatcher::with_default(&dispatch, || (0..1_000).for_each(|n| info!("line {n}")));
    guard.flush(LONG).unwrap();
    assert_eq!(out.messages(), (0..1_000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    let stats = guard.stats();
    assert_eq!((stats.written(), stats.lost()), (1_000, 0));
}

/// [S37] A full queue blocks nobody, drops the less severe lines first, counts them by level, and the log says so.
#[test]
fn a_full_queue_drops_and_says_so() {
    let out = Gated::default();
    let (dispatch, guard) = queue(Queue::new().max_lines(4), out.clone());
    tracing::dispatcher::with_default(&dispatch, || {
        info!("on its way");
        out.wait_until_it_is_used();
        debug!("debug 1");
        info!("info 1");
        debug!("debug 2");
        info!("info 2");
        debug!("no room");
        error!("error 1");
        error!("error 2");
    });
    let error = guard.flush(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.to_string(), "log not flushed within 20ms: 5 lines still wait for queue");
    out.open();
    guard.flush(LONG).unwrap();
    assert_eq!(
        out.messages(),
        ["on its way", "3 log lines were lost", "info 1", "info 2", "error 1", "error 2"]
    );
    let stats = guard.stats();
    assert_eq!((stats.sinks[0].queue_full(Level::DEBUG), stats.lost()), (3, 3));
    let bytes = out.0.out.lock().unwrap().clone();
    let record = &kit::parse(&bytes)[1];
    assert_eq!(record["event"], "log.records_lost");
    assert_eq!((&record["lost"], &record["queue_full_debug"]), (&3.into(), &3.into()));
    assert_eq!((&record["level"], &record["target"]), (&"WARN".into(), &"buttress::log".into()));
}

/// [S37] With `Block`, a line waits for room, and is dropped only after its time.
#[test]
fn a_line_may_wait_for_room() {
    let out = Gated::default();
    let settings = Queue::new().max_lines(1).when_full(WhenFull::Block { at_most: LONG });
    let (dispatch, guard) = queue(settings, out.clone());
    tracing::dispatcher::with_default(&dispatch, || {
        info!("on its way");
        out.wait_until_it_is_used();
        info!("fills the queue");
        let opener = thread::spawn({
            let out = out.clone();
            move || out.open()
        });
        info!("waits");
        opener.join().unwrap();
    });
    guard.flush(LONG).unwrap();
    assert_eq!(out.messages(), ["on its way", "fills the queue", "waits"]);
    assert_eq!(guard.stats().lost(), 0);

    let out = Gated::default();
    let settings = settings.when_full(WhenFull::Block { at_most: Duration::from_millis(1) });
    let (dispatch, guard) = queue(settings, out.clone());
    tracing::dispatcher::with_default(&dispatch, || {
        info!("on its way");
        out.wait_until_it_is_used();
        info!("fills the queue");
        info!("too late");
    });
    out.open();
    guard.flush(LONG).unwrap();
    assert_eq!(out.messages(), ["on its way", "1 log line was lost", "fills the queue"]);
}

/// Lines that are logged after the guard is dropped are written directly.
#[test]
fn after_the_guard_lines_are_written_directly() {
    let out = Gated::default();
    out.open();
    let (dispatch, guard) = queue(Queue::new(), out.clone());
    tracing::dispatcher::with_default(&dispatch, || {
        info!("before");
        drop(guard);
        assert_eq!(out.messages(), ["before"]);
        info!("after");
        assert_eq!(out.messages(), ["before", "after"]);
    });
}

/// A thread that waits for room while the queue ends does not lose its line: it is written directly.
#[test]
fn a_queue_may_end_while_threads_wait_for_room() {
    const LINES: usize = 20;
    for _ in 0..100 {
        let out = Gated::default();
        out.open();
        let settings = Queue::new().max_lines(1).when_full(WhenFull::Block { at_most: LONG });
        let (dispatch, guard) = queue(settings, out.clone());
        let flusher = guard.flusher();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    tracing::dispatcher::with_default(&dispatch, || (0..LINES).for_each(|n| info!("{n}")));
                });
            }
            out.wait_until_it_is_used();
            drop(guard);
        });
        assert_eq!(out.messages().len(), 3 * LINES);
        let stats = flusher.stats();
        assert_eq!((stats.written(), stats.lost()), (3 * LINES as u64, 0));
    }
}

/// A thread that waits for room holds no lock: the writer may log meanwhile, and its line is dropped and counted.
#[test]
fn the_writer_may_log_while_a_thread_waits_for_room() {
    let (sender, begin): (Sender<()>, _) = channel();
    let slot = Arc::<Mutex<Option<Dispatch>>>::default();
    let out = Arc::<Mutex<Vec<u8>>>::default();
    let writer = Scripted {
        begin: Some(begin),
        script: vec![Step::Log],
        out: Arc::clone(&out),
        dispatch: Arc::clone(&slot),
    };
    let settings = Queue::new().max_lines(1).when_full(WhenFull::Block { at_most: LONG });
    let (dispatch, guard) = queue(settings, writer);
    *slot.lock().unwrap() = Some(dispatch.clone());
    let (progress, waits) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || {
                // The first is with the writer at most, the second fills the queue.
                (0..3).for_each(|n| {
                    progress.send(n).unwrap();
                    info!("line {n}");
                });
            });
        });
        while waits.recv().unwrap() < 2 {}
        // Only makes it likely that the thread waits by now.
        thread::sleep(Duration::from_millis(20));
        sender.send(()).unwrap();
    });
    guard.flush(Duration::from_secs(10)).unwrap();
    slot.lock().unwrap().take();
    let stats = guard.stats();
    assert_eq!((stats.written(), stats.sinks[0].reentrant_lines, stats.lost()), (3, 1, 1));
}

/// The first line after the end of the queue does not continue one that the writer took in part.
#[test]
fn a_torn_line_is_ended_after_the_guard() {
    let out = Arc::<Mutex<Vec<u8>>>::default();
    let writer = Scripted {
        begin: None,
        // The line, and the record about it twice.
        script: vec![
            Step::Take(10),
            Step::Fail(io::ErrorKind::StorageFull),
            Step::Fail(io::ErrorKind::StorageFull),
            Step::Fail(io::ErrorKind::StorageFull),
        ],
        out: Arc::clone(&out),
        dispatch: Arc::default(),
    };
    let (dispatch, guard) = queue(Queue::new(), writer);
    tracing::dispatcher::with_default(&dispatch, || {
        info!("torn");
        drop(guard);
        info!("whole");
    });
    let bytes = out.lock().unwrap().clone();
    let (torn, rest) = bytes.split_at(10);
    assert_eq!((torn, rest[0]), (&b"{\"timestam"[..], b'\n'));
    assert_eq!(messages(&rest[1..]), ["whole"]);
}

/// Refuses everything.
struct Refuses(Arc<AtomicUsize>);

impl Write for Refuses {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// [S37] The record about lost lines is itself no line that can be lost: losses do not grow by themselves.
#[test]
fn a_record_that_is_not_written_is_not_lost() {
    let writes = Arc::<AtomicUsize>::default();
    let (dispatch, guard) = queue(Queue::new(), Refuses(Arc::clone(&writes)));
    tracing::dispatcher::with_default(&dispatch, || info!("lost"));
    for _ in 0..3 {
        guard.flush(LONG).unwrap();
    }
    // The line, and the record at each flush.
    assert_eq!(writes.load(Ordering::Acquire), 4);
    let stats = guard.stats();
    assert_eq!((stats.written(), stats.lost(), stats.sinks[0].write_errors), (0, 1, 1));
}

/// Dropping the guard takes [`FlushGuard::DROP_LIMIT`] at most, whatever the writer does, and blocks nobody.
#[test]
fn a_stuck_writer_does_not_hang_the_end() {
    let out = Gated::default();
    let (dispatch, guard) = queue(Queue::new().max_lines(1), out.clone());
    tracing::dispatcher::with_default(&dispatch, || {
        info!("stuck");
        out.wait_until_it_is_used();
        let start = tokio::time::Instant::now();
        drop(guard);
        let took = start.elapsed();
        assert!(took >= FlushGuard::DROP_LIMIT && took < 2 * FlushGuard::DROP_LIMIT, "{took:?}");
        info!("waits");
        info!("dropped");
    });
    out.open();
}

/// A flush ends in time where tokio's clock is paused.
#[tokio::test(start_paused = true)]
async fn a_flush_ends_under_a_paused_clock() {
    let out = Gated::default();
    let (dispatch, guard) = queue(Queue::new(), out.clone());
    tracing::dispatcher::with_default(&dispatch, || info!("stuck"));
    let error = guard.flush(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.waiting(), 1);
    out.open();
    guard.flush(LONG).unwrap();
}

/// If a sink cannot be opened, the queues of the others end, and give their writers back.
#[test]
fn a_failed_init_leaves_no_thread() {
    let out = Gated::default();
    out.open();
    let writer = Mutex::new(out.clone());
    let error = Config::new()
        .sink(Sink::writer(writer).queue(Queue::new()))
        .sink(Sink::file("/dev/null/app.log"))
        .init()
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot open log sink /dev/null/app.log: "), "{error}");
    // The thread has ended, but may still be on its way out.
    while Arc::strong_count(&out.0) > 1 {
        thread::yield_now();
    }
}

/// What a writer does in one call.
enum Step {
    Take(usize),
    TakeOneLine,
    Fail(io::ErrorKind),
    Panic,
    Log,
}

/// Follows its script, and then takes everything. Begins when it is told to, so that all lines are in one batch.
struct Scripted {
    begin: Option<Receiver<()>>,
    script: Vec<Step>,
    out: Arc<Mutex<Vec<u8>>>,
    dispatch: Arc<Mutex<Option<Dispatch>>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(begin) = self.begin.take() {
            begin.recv().unwrap();
        }
        let step = if self.script.is_empty() { Step::Take(usize::MAX) } else { self.script.remove(0) };
        let n = match step {
            Step::Take(n) => n.min(bytes.len()),
            Step::TakeOneLine => bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1,
            Step::Fail(kind) => return Err(kind.into()),
            Step::Panic => std::panic::resume_unwind(Box::new("no hook, no message")),
            Step::Log => {
                let dispatch = self.dispatch.lock().unwrap().clone().unwrap();
                tracing::dispatcher::with_default(&dispatch, || error!("by the writer"));
                bytes.len()
            }
        };
        self.out.lock().unwrap().extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs `first`, waits until the writer has it, and logs ten more lines, which become one batch.
fn batch(script: Vec<Step>) -> (Arc<Mutex<Vec<u8>>>, FlushGuard) {
    let (sender, begin): (Sender<()>, _) = channel();
    let out = Arc::default();
    let slot = Arc::<Mutex<Option<Dispatch>>>::default();
    let writer = Scripted { begin: Some(begin), script, out: Arc::clone(&out), dispatch: Arc::clone(&slot) };
    let (dispatch, guard) = queue(Queue::new(), writer);
    *slot.lock().unwrap() = Some(dispatch.clone());
    tracing::dispatcher::with_default(&dispatch, || (0..10).for_each(|n| info!("line {n}")));
    sender.send(()).unwrap();
    guard.flush(LONG).unwrap();
    // The writer is dropped with the queue.
    slot.lock().unwrap().take();
    (out, guard)
}

/// [S34] [S37] A writer that takes a part of a batch, refuses, panics or logs: every line is there whole, or counted, and begins
/// on a line of its own.
#[test]
fn every_line_is_written_or_counted() {
    use io::ErrorKind::{BrokenPipe, Interrupted, StorageFull, WouldBlock};
    let scripts: Vec<(&str, Vec<Step>)> = vec![
        ("pieces", vec![Step::Take(7), Step::Take(500), Step::Take(1)]),
        ("interrupted", vec![Step::Take(100), Step::Fail(Interrupted), Step::Take(100)]),
        ("would block", vec![Step::Take(10), Step::Fail(WouldBlock), Step::Fail(WouldBlock)]),
        (
            "disk full",
            vec![Step::Take(250), Step::Fail(StorageFull), Step::Fail(StorageFull), Step::Take(30)],
        ),
        ("broken pipe", vec![Step::Fail(BrokenPipe), Step::Fail(BrokenPipe), Step::Take(3)]),
        ("panic", vec![Step::Panic]),
        ("logs", vec![Step::Log]),
        ("takes nothing", vec![Step::Take(0), Step::Take(0)]),
    ];
    for (name, script) in scripts {
        let (out, guard) = batch(script);
        let bytes = out.lock().unwrap().clone();
        let mut complete = 0;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let text = std::str::from_utf8(line).unwrap();
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(line) => complete += u64::from(line["message"].as_str().unwrap().starts_with("line ")),
                Err(_) => assert!(text.matches("\"timestamp\"").count() < 2, "{name}: glued: {text}"),
            }
        }
        let stats = guard.stats();
        let own = stats.sinks[0].reentrant_lines;
        assert_eq!(
            complete + stats.lost() - own,
            10,
            "{name}: {stats:?}\n{}",
            String::from_utf8_lossy(&bytes)
        );
        assert_eq!(own, u64::from(name == "logs"), "{name}");
        if ["pieces", "interrupted", "would block", "logs"].contains(&name) {
            assert_eq!(complete, 10, "{name}");
        } else {
            assert!(stats.lost() > 0, "{name}");
        }
    }
}

/// A batch that ends early between two lines tears none, and leaves no empty line.
#[test]
fn a_batch_may_end_between_two_lines() {
    let (out, guard) = batch(vec![Step::TakeOneLine, Step::Fail(io::ErrorKind::StorageFull)]);
    let messages = messages(&out.lock().unwrap());
    let lines: Vec<_> = messages.iter().filter(|message| message.starts_with("line ")).collect();
    assert_eq!(lines.len(), 9, "{messages:?}");
    let stats = guard.stats();
    assert_eq!((stats.sinks[0].write_errors, stats.sinks[0].torn_lines, stats.lost()), (1, 0, 1));
}

/// Two threads at full speed, and nothing is lost with `Block`; the order of each thread is kept.
#[test]
fn two_threads_lose_nothing() {
    const LINES: usize = 20_000;
    let out = Gated::default();
    out.open();
    let settings = Queue::new().max_lines(256).when_full(WhenFull::Block { at_most: LONG });
    let (dispatch, guard) = queue(settings, out.clone());
    thread::scope(|scope| {
        for name in ["a", "b"] {
            let dispatch = dispatch.clone();
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || (0..LINES).for_each(|n| info!("{name} {n}")));
            });
        }
    });
    guard.flush(LONG).unwrap();
    let messages = out.messages();
    for name in ["a ", "b "] {
        let of_thread: Vec<_> = messages.iter().filter_map(|message| message.strip_prefix(name)).collect();
        assert_eq!(of_thread, (0..LINES).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    assert_eq!((guard.stats().written(), guard.stats().lost()), (2 * LINES as u64, 0));
}

#[test]
fn bad_settings_are_refused() {
    for (settings, text) in [
        (Queue::new().max_lines(0), "invalid max_lines: must be at least 1, got 0"),
        (Queue::new().max_bytes(100), "invalid max_bytes: must be between 4 KiB and 1 GiB, got 100"),
    ] {
        assert_eq!(settings.writer(io::sink()).unwrap_err().to_string(), text);
    }
}
