//! The end of a process in all its forms: what was accepted before a flush is there, or it is counted by level.
//!
//! The child processes write their lines to standard error, since the test harness prints to standard output.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a child process has a main of its own

mod kit;

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use buttress_log::{Config, FlushGuard, Format, Queue, Schema, Sink, WhenFull};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing::{Level, debug, error, info, warn};

const MODE: &str = "BUTTRESS_LOG_TEST_PROCESS";
const REPORT: &str = "BUTTRESS_LOG_TEST_REPORT";

const LONG: Duration = Duration::from_secs(60);
const LEVELS: [Level; 4] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG];

/// Not a test: the child process of the other tests.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    match std::env::var(MODE).as_deref() {
        Ok("terminated") => terminated(),
        Ok("panic") => panics(),
        Ok("panic hook") => aborts_after_a_panic(),
        Ok("exit") => exits(),
        Ok("closed pipe") => closed_pipe(Some(Queue::new())),
        Ok("closed pipe, no queue") => closed_pipe(None),
        Ok("slow reader") => slow_reader(),
        Ok("no thread") => no_thread(),
        Ok("styles") => styles(),
        other => assert!(other.is_err(), "unknown mode"),
    }
}

fn start(queue: Option<Queue>) -> FlushGuard {
    Config::new().sink(stderr(queue)).init().unwrap()
}

fn stderr(queue: Option<Queue>) -> Sink {
    let sink = Sink::stderr().format(Format::Json).level(LevelFilter::DEBUG);
    queue.into_iter().fold(sink, Sink::queue)
}

/// Where the second sink of a child writes.
fn second_file() -> PathBuf {
    PathBuf::from(std::env::var_os(REPORT).unwrap()).with_extension("log")
}

/// Tells the parent what the child has seen.
fn report(value: &Value) {
    let path = PathBuf::from(std::env::var_os(REPORT).unwrap());
    let new = path.with_extension("new");
    fs::write(&new, value.to_string()).unwrap();
    fs::rename(new, path).unwrap();
}

/// Two threads log at full speed until SIGTERM; then the program flushes and exits.
fn terminated() {
    static ACCEPTED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    let guard = start(Some(Queue::new().when_full(WhenFull::Block { at_most: LONG })));
    let flusher = guard.flusher();
    for (name, accepted) in ["a", "b"].into_iter().zip(&ACCEPTED) {
        thread::spawn(move || {
            for n in 0.. {
                info!("{name} {n}");
                accepted.store(n + 1, Ordering::Release);
            }
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        report(&json!("ready"));
        terminate.recv().await;
    });
    let accepted: Vec<_> = ACCEPTED.iter().map(|count| count.load(Ordering::Acquire)).collect();
    flusher.flush(LONG).unwrap();
    report(&json!(accepted));
    std::process::exit(143);
}

/// The guard is dropped while `main` unwinds.
fn panics() {
    let _guard = start(Some(Queue::new()));
    (0..1_000).for_each(|n| info!("{n}"));
    std::panic::resume_unwind(Box::new("no hook, so no message among the lines"));
}

/// As with `panic = "abort"`: nothing unwinds, so a hook has to flush.
fn aborts_after_a_panic() {
    let guard = start(Some(Queue::new()));
    let flusher = guard.flusher();
    std::panic::set_hook(Box::new(move |_| {
        error!("panicked");
        let _ = flusher.flush(LONG);
        std::process::abort();
    }));
    (0..1_000).for_each(|n| info!("{n}"));
    panic!("aborts");
}

fn exits() {
    let guard = start(Some(Queue::new()));
    (0..1_000).for_each(|n| info!("{n}"));
    guard.flush(LONG).unwrap();
    std::process::exit(3);
}

/// The reader is gone: the program goes on.
fn closed_pipe(queue: Option<Queue>) {
    let second = Sink::file(second_file()).level(LevelFilter::WARN);
    let guard = Config::new().sink(stderr(queue)).sink(second).init().unwrap();
    info!("first");
    guard.flush(LONG).unwrap();
    report(&json!("ready"));
    // The parent closes the pipe, and then standard input.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    (0..1_000).for_each(|n| info!("{n}"));
    guard.flush(LONG).unwrap();
    let stats = &guard.stats().sinks[0];
    let second = fs::read_to_string(second_file()).unwrap();
    fs::remove_file(second_file()).unwrap();
    report(&json!({ "written": stats.written, "lost": stats.lost(), "second": second }));
}

/// Two threads log far more than the queue and the pipe hold, while nobody reads.
fn slow_reader() {
    const LINES: u64 = 10_000;
    let guard = start(Some(Queue::new().max_lines(1_000)));
    thread::scope(|scope| {
        for name in ["a", "b"] {
            scope.spawn(move || {
                for n in 0..LINES {
                    match n % 50 {
                        0 => error!("{name} {n}"),
                        1..=4 => warn!("{name} {n}"),
                        5..=19 => info!("{name} {n}"),
                        _ => debug!("{name} {n}"),
                    }
                }
            });
        }
    });
    report(&json!("ready"));
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    let lost: Vec<_> = LEVELS.iter().map(|level| stats.sinks[0].queue_full(*level)).collect();
    let logged = [1, 4, 15, 30].map(|share| 2 * LINES / 50 * share);
    report(&json!({ "logged": logged, "lost": lost, "written": stats.written() }));
}

/// The system refuses a thread: see the variable that the parent sets.
fn no_thread() {
    let error = Config::new().sink(Sink::stderr().queue(Queue::new())).init().unwrap_err();
    report(&json!(error.to_string()));
    // The program may go on without the queue.
    let _guard = start(None);
    info!("without a queue");
}

/// Lines in every form go through a queue.
fn styles() {
    let queued = || stderr(Some(Queue::new()));
    let guard = Config::new()
        .sink(queued())
        .sink(queued().format(Format::Human))
        .sink(queued().schema(Schema::Simple))
        .init()
        .unwrap();
    (0..10).for_each(|n| info!("{n}"));
    guard.flush(LONG).unwrap();
    let written: Vec<_> = guard.stats().sinks.iter().map(|sink| sink.written).collect();
    report(&json!(written));
}

/// A child and its report.
struct Process {
    child: Child,
    report: PathBuf,
}

impl Process {
    fn start(mode: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("buttress-log-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let report = std::env::temp_dir().join(name);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(MODE, mode)
            .env(REPORT, &report)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = change(&mut command).spawn().unwrap();
        Self { child, report }
    }

    /// Waits until the child has reported something other than `before`.
    fn wait_for_report(&mut self, before: &Value) -> Value {
        loop {
            let text = fs::read_to_string(&self.report).unwrap_or_default();
            if let Ok(value) = serde_json::from_str::<Value>(&text)
                && value != *before
            {
                return value;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the child ended without a report");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reads all lines until the child ends.
    fn end(mut self) -> (ExitStatus, Vec<u8>, Option<Value>) {
        drop(self.child.stdin.take());
        let mut lines = Vec::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_end(&mut lines).unwrap();
        }
        let status = self.child.wait().unwrap();
        let report = fs::read_to_string(&self.report).ok();
        let _ = fs::remove_file(&self.report);
        (status, lines, report.map(|text| serde_json::from_str(&text).unwrap()))
    }
}

fn messages(lines: &[u8]) -> Vec<String> {
    kit::parse(lines).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

fn numbers(count: u64) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

/// [S37] Everything that was accepted before the flush is there, in order, although two threads go on logging.
#[test]
fn sigterm_loses_nothing_that_was_accepted() {
    let mut process = Process::start("terminated", |command| command);
    let stderr = process.child.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let mut lines = Vec::new();
        let mut stderr = stderr;
        stderr.read_to_end(&mut lines).unwrap();
        lines
    });
    assert_eq!(process.wait_for_report(&Value::Null), "ready");
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (status, _, report) = process.end();
    assert_eq!(status.code(), Some(143));
    let mut lines = reader.join().unwrap();
    // What the threads logged after the flush may end anywhere.
    lines.truncate(lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let messages = messages(&lines);
    for (index, name) in ["a ", "b "].into_iter().enumerate() {
        let accepted = report.as_ref().unwrap()[index].as_u64().unwrap();
        let of_thread: Vec<_> = messages.iter().filter_map(|message| message.strip_prefix(name)).collect();
        assert!(of_thread.len() as u64 >= accepted, "{name}: {} of {accepted}", of_thread.len());
        assert!(of_thread.iter().enumerate().all(|(n, line)| n.to_string() == *line));
    }
}

/// [S37] A panic that unwinds out of `main` drops the guard; where nothing unwinds, a hook flushes; so does a program that
/// exits.
#[test]
fn a_process_that_ends_early_loses_nothing() {
    for (mode, code) in [("panic", Some(101)), ("panic hook", None), ("exit", Some(3))] {
        let (status, lines, _) = Process::start(mode, |command| command).end();
        assert_eq!(status.code(), code, "{mode}");
        let mut expected = numbers(1_000);
        if mode == "panic hook" {
            expected.push("panicked".to_owned());
        }
        assert_eq!(messages(&lines), expected, "{mode}");
    }
}

/// [S37] A pipe without a reader does not end the program. Every line is counted, and the other sinks say so once.
#[test]
fn a_closed_pipe_does_not_end_the_program() {
    for mode in ["closed pipe", "closed pipe, no queue"] {
        let mut process = Process::start(mode, |command| command);
        assert_eq!(process.wait_for_report(&Value::Null), "ready");
        let mut first = [0; 64];
        let read = process.child.stderr.take().unwrap().read(&mut first).unwrap();
        assert!(first[..read].starts_with(b"{\"timestamp\""), "{mode}");
        drop(process.child.stdin.take());
        let (status, _, report) = process.end();
        assert!(status.success(), "{mode}: {status}");
        let report = report.unwrap();
        // The event about it is lost here as well.
        assert_eq!((&report["written"], &report["lost"]), (&json!(1), &json!(1_001)), "{mode}");
        let second = kit::parse(report["second"].as_str().unwrap().as_bytes());
        assert_eq!(second.len(), 1, "{mode}: {second:?}");
        assert_eq!(second[0]["message"], "log sink stderr fails: lines are lost until it recovers");
        assert!(second[0]["error"]["message"].as_str().unwrap().starts_with("Broken pipe"), "{second:?}");
        assert_eq!((&second[0]["event"], &second[0]["sink"]), (&json!("log.sink_failed"), &json!("stderr")));
    }
}

/// [S37] A reader that is too slow does not stop the program. Each line is read, or counted by its level; no ERROR is lost,
/// since there was always a less severe line to drop.
#[test]
fn a_slow_reader_loses_the_least_severe_lines() {
    let mut process = Process::start("slow reader", |command| command);
    assert_eq!(process.wait_for_report(&Value::Null), "ready");
    let (status, lines, report) = process.end();
    assert!(status.success());
    let (lines, report) = (kit::parse(&lines), report.unwrap());
    let (own, lines): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["target"] == "buttress::log");
    for (index, level) in LEVELS.iter().enumerate() {
        let read = lines.iter().filter(|line| line["level"] == level.as_str()).count() as u64;
        let number = |name: &str| report[name][index].as_u64().unwrap();
        assert_eq!(read + number("lost"), number("logged"), "{level}: {report}");
    }
    assert_eq!((report["lost"][0].as_u64(), report["written"].as_u64()), (Some(0), Some(lines.len() as u64)));
    let lost: u64 = report["lost"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert!(lost > 0);
    assert_eq!(own.iter().map(|record| record["lost"].as_u64().unwrap()).sum::<u64>(), lost);
}

/// [S37] The queue counts each line once, whatever its form.
#[test]
fn lines_of_every_form_are_counted_once() {
    let (status, lines, report) = Process::start("styles", |command| command).end();
    assert!(status.success());
    assert_eq!(report.unwrap(), json!([10, 10, 10]));
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 30);
}

/// If the system refuses a thread, `init` returns a typed error, and the program may log without a queue.
#[test]
fn a_refused_thread_is_an_error() {
    // More address space for a stack than there is.
    let process =
        Process::start("no thread", |command| command.env("RUST_MIN_STACK", (1_u64 << 60).to_string()));
    let (status, lines, report) = process.end();
    assert!(status.success(), "{status}");
    let text = report.unwrap();
    assert!(text.as_str().unwrap().starts_with("cannot start the thread of the log: "), "{text}");
    assert_eq!(messages(&lines), ["without a queue"]);
}
