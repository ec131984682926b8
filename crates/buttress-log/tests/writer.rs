//! Writers that take a line in pieces, refuse it, log or panic.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use buttress_log::{Human, JsonLayer, LossCounters};
use serde_json::Value;
use tracing::{Dispatch, error, info};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// What a writer does in one call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Take(usize),
    Fail(ErrorKind),
    TakeAndPanic(usize),
    /// Claims to have taken more than it was given.
    Overclaim,
}
use Step::{Fail, Overclaim, Take, TakeAndPanic};

const NOTHING: Step = Take(0);

/// Follows its script, and then takes everything.
#[derive(Clone, Default)]
struct Scripted {
    out: Arc<Mutex<Vec<u8>>>,
    script: Arc<Mutex<VecDeque<Step>>>,
}

impl Scripted {
    fn new(script: &[Step]) -> Self {
        Self { script: Arc::new(Mutex::new(script.iter().copied().collect())), ..Self::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.out.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let step = self.script.lock().unwrap().pop_front();
        let take = |n: usize| {
            let n = n.min(bytes.len());
            self.out.lock().unwrap().extend_from_slice(&bytes[..n]);
            n
        };
        match step {
            None => Ok(take(usize::MAX)),
            Some(Take(n)) => Ok(take(n)),
            Some(Fail(kind)) => Err(kind.into()),
            Some(Overclaim) => Ok(take(usize::MAX) + 5),
            Some(TakeAndPanic(n)) => {
                take(n);
                panic!("the writer panics")
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs `first`, `second` and `third`, and returns what was lost.
fn log_three<W>(writer: W) -> Arc<LossCounters>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = JsonLayer::new(writer);
    let losses = layer.losses();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info!("first");
        info!("second");
        error!("third");
    });
    losses
}

/// The messages of the complete lines. Asserts that no line is empty and that none is two in one.
fn complete_lines(text: &str) -> Vec<String> {
    let mut messages = Vec::new();
    for line in text.split_terminator('\n') {
        assert!(!line.is_empty(), "an empty line in {text:?}");
        match serde_json::from_str::<Value>(line) {
            Ok(value) => messages.push(value["message"].as_str().unwrap().to_owned()),
            Err(_) => assert!(line.matches("\"timestamp\"").count() < 2, "glued in {text:?}"),
        }
    }
    messages
}

/// [S34] A line that was written only in part is counted, and the next one begins on a new line.
#[test]
fn a_partial_line_is_terminated() {
    const FULL: Step = Fail(ErrorKind::StorageFull);
    const LATER: Step = Fail(ErrorKind::WouldBlock);
    const INTERRUPTED: Step = Fail(ErrorKind::Interrupted);
    let (first, second) = (&["first", "second", "third"][1..], &["first", "second", "third"][2..]);
    let none = &["first", "second", "third"][..];
    for (script, lost, kept) in [
        // Partial, then terminated.
        (&[Take(20), FULL][..], 1, first),
        (&[Take(20), LATER], 1, first),
        (&[Take(20), NOTHING], 1, first),
        (&[Take(1), Take(1), Take(1), Fail(ErrorKind::BrokenPipe)], 1, first),
        (&[Take(20), INTERRUPTED, Take(20), FULL], 1, first),
        // Partial, and the newline or the line after it fails too.
        (&[Take(20), FULL, FULL], 2, second),
        (&[Take(20), FULL, NOTHING], 2, second),
        (&[Take(20), FULL, Take(1), FULL], 2, second),
        (&[Take(20), FULL, Take(1), Take(20), LATER], 2, second),
        (&[Take(20), FULL, INTERRUPTED, Take(1), INTERRUPTED, Take(9)], 1, first),
        // Refused as a whole: nothing to terminate.
        (&[FULL], 1, first),
        (&[LATER, LATER], 2, second),
        (&[NOTHING], 1, first),
        // Taken in pieces, interrupted, or with a wrong count: whole.
        (&[Take(1), Take(7), INTERRUPTED, Take(2), INTERRUPTED, INTERRUPTED], 0, none),
        (&[INTERRUPTED, INTERRUPTED, Take(3)], 0, none),
        (&[Overclaim, Take(3), Overclaim], 0, none),
    ] {
        let writer = Scripted::new(script);
        let out = writer.clone();
        let losses = log_three(move || writer.clone());
        let text = out.text();
        assert_eq!(complete_lines(&text), kept, "{script:?}: {text}");
        let torn = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).count() as u64;
        assert_eq!((losses.torn_lines(), losses.lost_lines()), (torn, lost), "{script:?}: {text}");
        assert!(text.ends_with("}\n"), "{script:?}: {text}");
    }
}

/// A writer that is interrupted forever does not hang the program.
#[test]
fn endless_interruptions_end() {
    struct Interrupted;
    impl Write for Interrupted {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::Interrupted.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(log_three(|| Interrupted).write_errors(), 3);
}

/// The same in the human format, in which the writer takes another text than the line.
#[test]
fn a_partial_human_line_is_terminated() {
    for script in [
        &[Take(10), Fail(ErrorKind::StorageFull)][..],
        &[Take(10), Fail(ErrorKind::WouldBlock)],
        &[Take(10), NOTHING],
        &[Take(10), Fail(ErrorKind::Interrupted), Take(1), Fail(ErrorKind::StorageFull)],
        &[TakeAndPanic(10)],
    ] {
        let writer = Scripted::new(script);
        let out = writer.clone();
        let losses = log_three(Human::new(move || writer.clone()));
        let text = out.text();
        let lines: Vec<_> = text.lines().map(|line| line.get(13..).unwrap_or_default()).collect();
        assert_eq!(lines, ["", " INFO second writer", "ERROR third writer"], "{script:?}: {text}");
        assert_eq!(losses.lost_lines(), 1, "{script:?}");
    }
    let writer = Scripted::new(&[Fail(ErrorKind::StorageFull)]);
    let out = writer.clone();
    assert_eq!(log_three(Human::new(move || writer.clone())).lost_lines(), 1);
    assert_eq!(out.text().lines().count(), 2, "nothing to terminate");
}

/// Lines that are written in pieces from several threads do not mix.
#[test]
fn pieces_of_threads_do_not_mix() {
    let writer = Scripted::new(&[Take(3); 4_000]);
    let out = writer.clone();
    let layer = JsonLayer::new(move || writer.clone());
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                tracing::dispatcher::with_default(&dispatch, || (0..20).for_each(|n| info!(n, "x")));
            });
        }
    });
    assert_eq!(kit::parse(out.text().as_bytes()).len(), 80);
}

/// What a hand-made writer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Make,
    Write,
    /// In `write`, and again when it is dropped.
    WriteAndDrop,
    Drop,
}
const PLACES: [Place; 4] = [Place::Make, Place::Write, Place::WriteAndDrop, Place::Drop];

/// Calls `act` at a place, `times` in all, and writes to `out` all the same.
struct Acting {
    place: Place,
    left: AtomicU32,
    act: fn(),
    out: Scripted,
}

impl Acting {
    fn act(&self, places: &[Place]) {
        let less = |left: u32| left.checked_sub(1);
        if places.contains(&self.place)
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        {
            (self.act)();
        }
    }
}

struct ActingWriter<'a>(&'a Acting);

impl<'a> MakeWriter<'a> for Acting {
    type Writer = ActingWriter<'a>;

    fn make_writer(&'a self) -> ActingWriter<'a> {
        self.act(&[Place::Make]);
        ActingWriter(self)
    }
}

impl Write for ActingWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.act(&[Place::Write, Place::WriteAndDrop]);
        self.0.out.clone().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ActingWriter<'_> {
    fn drop(&mut self) {
        self.0.act(&[Place::WriteAndDrop, Place::Drop]);
    }
}

/// [S34] A writer that panics loses one line, and later logging works on this thread and on others.
#[test]
fn a_panicking_writer_is_contained() {
    for place in PLACES {
        let out = Scripted::default();
        let times = if place == Place::WriteAndDrop { 2 } else { 1 };
        let act = || panic!("the writer panics");
        let layer = JsonLayer::new(Acting { place, left: AtomicU32::new(times), act, out: out.clone() });
        let losses = layer.losses();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        let log = |message: &str| tracing::dispatcher::with_default(&dispatch, || info!("{message}"));
        log("lost");
        log("here");
        thread::scope(|scope| scope.spawn(|| log("there")).join().unwrap());
        let text = out.text();
        let kept: Vec<_> = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect();
        let messages: Vec<_> = kept.iter().map(|line| line["message"].as_str().unwrap()).collect();
        let written = if place == Place::Drop { &["lost", "here", "there"][..] } else { &["here", "there"] };
        assert_eq!(messages, written, "{place:?}: {text}");
        assert_eq!((losses.writer_panics(), losses.lost_lines()), (1, 1), "{place:?}");
    }
}

/// A part of a line before the panic is terminated, and a lock around the writer is not poisoned.
#[test]
fn a_panic_in_a_locked_writer_poisons_nothing() {
    for taken in [0, 20] {
        let writer = Scripted::new(&[TakeAndPanic(taken)]);
        let out = writer.clone();
        let losses = log_three(Mutex::new(writer));
        let text = out.text();
        let rest: Vec<_> = text.split_terminator('\n').skip(1).collect();
        assert_eq!(kit::parse((rest.join("\n") + "\n").as_bytes()).len(), 2, "{text}");
        assert_eq!(losses.lost_lines(), 1);
    }
}

/// A payload that panics when it is dropped is contained too.
#[test]
fn a_panic_payload_that_panics_is_contained() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a payload that panics");
        }
    }
    let out = Scripted::default();
    let act = || std::panic::panic_any(Bomb);
    let losses = log_three(Acting { place: Place::Make, left: AtomicU32::new(1), act, out: out.clone() });
    assert_eq!((losses.writer_panics(), complete_lines(&out.text()).len()), (1, 2));
}

/// A real device without room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_counted() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let losses = log_three(Mutex::new(full));
    assert_eq!((losses.write_errors(), losses.lost_lines()), (3, 3));
}

/// A real non-blocking pipe that is full: the line that fits only in part is terminated once there is room again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_nonblocking_pipe_breaks_one_line() {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    const O_NONBLOCK: i32 = 0o4000;
    let (mut reader, writer) = io::pipe().unwrap();
    let end = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let nonblocking = std::fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(end).unwrap();
    drop(writer);

    let layer = JsonLayer::new(Mutex::new(nonblocking));
    let losses = layer.losses();
    let mut before = vec![0; 32 << 10];
    let long = "x".repeat(6_000);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let mut lines = 0;
        while losses.lost_lines() == 0 {
            info!(long, longer = long, "before"); // three pages of the pipe's sixteen
            lines += 1;
            assert!(lines < 10_000, "the pipe takes no end of lines");
        }
        reader.read_exact(&mut before).unwrap();
        info!("after");
    });
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    let text = String::from_utf8([before, rest].concat()).unwrap();
    let messages = complete_lines(&text);
    assert_eq!(messages.last().unwrap(), "after");
    let broken = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).count();
    assert_eq!((losses.torn_lines(), losses.lost_lines(), broken), (1, 1, 1));
}

const FILE: &str = "BUTTRESS_LOG_TEST_FILE";

/// Not a test: the child process of the next one, whose files must not grow beyond a few kilobytes.
#[cfg(unix)]
#[test]
#[ignore = "run by the next test as a child process"]
fn child_with_a_limit() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let open = || std::fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
    let layer = JsonLayer::new(Mutex::new(open()));
    let losses = layer.losses();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        while losses.lost_lines() == 0 {
            info!("before");
        }
        info!("still no room");
        print!("{}", std::fs::read_to_string(&path).unwrap());
        open().set_len(0).unwrap();
        info!("after");
    });
    print!("{}", std::fs::read_to_string(&path).unwrap());
    assert_eq!((losses.torn_lines(), losses.lost_lines()), (1, 2));
}

/// A real file that reaches its size limit in the middle of a line.
#[cfg(unix)]
#[test]
fn a_file_at_its_limit_breaks_one_line() {
    let file = std::env::temp_dir().join(format!("buttress-log-limit-{}", std::process::id()));
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 4; exec \"$0\" --exact child_with_a_limit --ignored --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(FILE, &file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("{\"timestamp")).collect();
    let broken = lines.iter().filter(|line| serde_json::from_str::<Value>(line).is_err()).count();
    assert_eq!(broken, 1, "{text}");
    assert_eq!(serde_json::from_str::<Value>(lines.last().unwrap()).unwrap()["message"], "after");
    assert!(lines.len() > 3, "{text}");
}
