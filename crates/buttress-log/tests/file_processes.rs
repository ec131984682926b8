//! Log files of real processes: a full disk, `kill -9`, logrotate.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a child process has a main of its own

mod kit;

use std::fs;
#[cfg(feature = "gzip")]
use std::fs::File;
#[cfg(feature = "gzip")]
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use buttress_log::{Config, FlushGuard, Format, Queue, RollingFile, Sink, WhenFull};
use kit::directory::{Directory, until};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing::level_filters::LevelFilter;

const MODE: &str = "BUTTRESS_LOG_TEST_FILES";
const DIRECTORY: &str = "BUTTRESS_LOG_TEST_DIRECTORY";

const LONG: Duration = Duration::from_secs(60);

/// Not a test: the child process of the other tests.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let file = RollingFile::new(directory.join("app.log"));
    #[cfg(feature = "gzip")]
    let compressing = file.clone().gzip();
    match &*mode {
        "full disk" => full_disk(&directory, file, None),
        "full disk, queue" => full_disk(&directory, file, Some(Queue::new())),
        #[cfg(feature = "gzip")]
        "compress" => {
            let _file = compressing.open().unwrap();
            wait_for_the_end();
        }
        #[cfg(feature = "gzip")]
        "rotate" => {
            let _guard = start(compressing.max_bytes(20_000), Some(waiting()));
            let _accepted = log_from_two_threads();
            wait_for_the_end();
        }
        "logrotate" => logrotate(&directory, file),
        other => panic!("unknown mode {other}"),
    }
}

fn start(file: RollingFile, queue: Option<Queue>) -> FlushGuard {
    let sink = Sink::file(file).format(Format::Json);
    Config::new().sink(queue.into_iter().fold(sink, Sink::queue)).init().unwrap()
}

/// A queue that loses nothing.
fn waiting() -> Queue {
    Queue::new().when_full(WhenFull::Block { at_most: LONG })
}

#[cfg(feature = "gzip")]
fn wait_for_the_end() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Two threads log at full speed. Returns how many lines of each were accepted so far.
fn log_from_two_threads() -> impl Fn() -> [u64; 2] {
    static ACCEPTED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    for (name, accepted) in NAMES.into_iter().zip(&ACCEPTED) {
        thread::spawn(move || {
            for n in 0.. {
                info!("{name}{n}");
                accepted.store(n + 1, Ordering::Release);
            }
        });
    }
    || [0, 1].map(|index| ACCEPTED[index].load(Ordering::Acquire))
}

const NAMES: [&str; 2] = ["a ", "b "];

/// Logs until the file has no room, while it has none, and after it was moved out of the way. A second sink has room.
fn full_disk(directory: &Path, file: RollingFile, queue: Option<Queue>) {
    let sink = Sink::file(file).format(Format::Json);
    let other = Sink::file(directory.join("other.log")).level(LevelFilter::ERROR);
    let guard = Config::new().sink(queue.into_iter().fold(sink, Sink::queue)).sink(other).init().unwrap();
    let log = |text: &str| {
        info!("{text}");
        guard.flush(LONG).unwrap();
        guard.stats().sinks.remove(0)
    };
    let mut logged = 0;
    while log("before").torn_lines == 0 {
        logged += 1;
    }
    let stats = log("no room");
    // The report about it is lost here as well.
    assert_eq!((stats.torn_lines, stats.write_errors + stats.reentrant_lines), (1, 2));
    assert_eq!(stats.written, logged);
    fs::rename(directory.join("app.log"), directory.join("full.log")).unwrap();
    // The line that notices it is lost. The space of the old file is taken until then.
    let stats = log("after");
    assert_eq!((stats.lost(), stats.written), (4, logged));
    for n in 1..4 {
        let stats = log("after");
        assert_eq!((stats.lost(), stats.written), (4, logged + n));
    }
}

/// Until SIGTERM, the file is opened again at each SIGHUP.
fn logrotate(directory: &Path, file: RollingFile) {
    let handle = file.handle();
    let guard = start(file, Some(waiting()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let accepted = runtime.block_on(async {
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        let accepted = log_from_two_threads();
        loop {
            tokio::select! {
                _ = hangup.recv() => handle.reopen(),
                _ = terminate.recv() => return accepted(),
            }
        }
    });
    guard.flush(LONG).unwrap();
    fs::write(directory.join("accepted"), serde_json::to_string(&accepted).unwrap()).unwrap();
    assert_eq!((guard.stats().lost(), handle.failed_rotations()), (0, 0));
    std::process::exit(0);
}

/// Runs `child` in a directory, after the commands of a shell.
fn spawn(mode: &str, directory: &Directory, shell: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" --exact child --ignored --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .env(MODE, mode)
        .env(DIRECTORY, &directory.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// [S34] Half a record that a full disk has left is never glued to the next good one: it is counted as torn, and the next
/// record begins on a line of its own. The other sink reports the failure once. A full file that was moved away, and whose space is free only once it is closed, is
/// closed.
#[test]
fn loggers_on_a_full_disk() {
    for mode in ["full disk", "full disk, queue"] {
        let directory = Directory::new();
        // The limit is some kilobytes for one file. The signal about it would end the process.
        let mut child = spawn(mode, &directory, "trap '' XFSZ; ulimit -f 4;");
        assert!(child.wait().unwrap().success(), "{mode}");
        let full = fs::read_to_string(directory.0.join("full.log")).unwrap();
        let (whole, torn) = full.rsplit_once('\n').unwrap();
        assert!(kit::parse(format!("{whole}\n").as_bytes()).len() > 3, "{mode}");
        assert!(torn.starts_with("{\"timestamp") && serde_json::from_str::<Value>(torn).is_err(), "{torn}");
        let after = kit::parse(&fs::read(directory.log()).unwrap());
        let (own, lines): (Vec<_>, Vec<_>) = after.iter().partition(|line| line["target"] == "buttress::log");
        assert!(lines.iter().all(|line| line["message"] == "after"), "{lines:?}");
        assert_eq!(lines.len(), 3, "{mode}");
        assert_eq!(own.iter().map(|line| line["lost"].as_u64().unwrap()).sum::<u64>(), 4, "{own:?}");
        let other = kit::parse(&fs::read(directory.0.join("other.log")).unwrap());
        assert_eq!(other.len(), 1, "{other:?}");
        assert_eq!(other[0]["event"], "log.sink_failed");
        assert_eq!(other[0]["sink"], directory.log().to_str().unwrap());
        assert!(other[0]["error"]["message"].as_str().unwrap().starts_with("File too large"), "{other:?}");
    }
}

/// [S37] logrotate moves the file while two threads log at full speed, with SIGHUP after it and without: no line is lost or
/// split, and the order of each thread is kept.
#[test]
fn external_rotation_loses_nothing() {
    let directory = Directory::new();
    let mut child = spawn("logrotate", &directory, "");
    let mut moved = Vec::new();
    for round in 0..6 {
        until("the file has grown", || {
            fs::metadata(directory.log()).is_ok_and(|metadata| metadata.len() > 50_000)
        });
        let to = directory.0.join(format!("app.log.{round}"));
        fs::rename(directory.log(), &to).unwrap();
        moved.push(to);
        // Without the signal, it is noticed in the next second.
        if round % 3 < 2 {
            send("-HUP", &child);
        }
        until("the file is opened again", || directory.log().exists());
    }
    send("-TERM", &child);
    assert!(child.wait().unwrap().success());
    let text = fs::read_to_string(directory.0.join("accepted")).unwrap();
    let accepted: [u64; 2] = serde_json::from_str(&text).unwrap();
    moved.push(directory.log());
    let all: Vec<u8> = moved.iter().flat_map(|path| fs::read(path).unwrap()).collect();
    // What was logged after the flush may end anywhere.
    let whole = all.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    assert_in_order(&all[..whole], accepted);
}

/// The lines of each thread are whole and in order, from the first one on, and at least `accepted`.
fn assert_in_order(bytes: &[u8], accepted: [u64; 2]) {
    let lines = kit::parse(bytes);
    for (name, accepted) in NAMES.into_iter().zip(accepted) {
        let messages = lines.iter().filter_map(|line| line["message"].as_str()?.strip_prefix(name));
        let mut count = 0;
        for message in messages {
            assert_eq!(message, count.to_string(), "{name}");
            count += 1;
        }
        assert!(count >= accepted, "{name}: {count} of {accepted}");
    }
}

#[cfg(feature = "gzip")]
fn decompress(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// `kill -9` in the middle of a compression leaves the file as it was, and no half file that looks whole. The next process
/// compresses it again.
#[cfg(feature = "gzip")]
#[test]
fn a_killed_compression_is_done_again() {
    let directory = Directory::new();
    let backup = directory.0.join("app-2020-01-01T00-00-00.log");
    let [compressed, unfinished] = [".gz", ".gz.tmp"].map(|ending| {
        let name = format!("{}{ending}", backup.display());
        PathBuf::from(name)
    });
    // Hard to compress: a linear congruential generator.
    let mut state = 1_u64;
    let text: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(4 << 20)
    .collect();
    fs::write(&backup, &text).unwrap();
    let mut child = spawn("compress", &directory, "");
    until("the compression has begun", || fs::metadata(&unfinished).is_ok_and(|metadata| metadata.len() > 0));
    send("-KILL", &child);
    child.wait().unwrap();
    assert!(unfinished.exists() && !compressed.exists(), "killed too late");
    assert!(fs::read(&backup).unwrap() == text);

    let _file = RollingFile::new(directory.log()).gzip().open().unwrap();
    until("the file is compressed", || !backup.exists());
    assert!(!unfinished.exists());
    assert!(decompress(&compressed) == text);
}

/// `kill -9` while two threads log, the file rotates and files are compressed: what is on the disk has no gap, and only the
/// last line may be torn. The next process ends that line, and begins its own on a new one.
#[cfg(feature = "gzip")]
#[test]
fn a_killed_process_leaves_no_gap() {
    let directory = Directory::new();
    let mut child = spawn("rotate", &directory, "");
    until("files were rotated and compressed", || {
        let names = directory.names();
        names.len() > 20 && names.iter().any(|name| name.ends_with(".gz"))
    });
    send("-KILL", &child);
    child.wait().unwrap();
    let read_all = || {
        let mut names = directory.names();
        names.retain(|name| name.starts_with("app-") && !name.ends_with(".tmp"));
        // Of two in one second, the one with the longer number is newer.
        let stamp = |name: &str| {
            let stamp = name.strip_prefix("app-").unwrap().split('.').next().unwrap().to_owned();
            (stamp[..19].to_owned(), stamp.len(), stamp)
        };
        names.sort_by_key(|name| stamp(name));
        // A file that was compressed and not yet deleted has two names.
        names.dedup_by_key(|name| stamp(name));
        let mut all = Vec::new();
        for name in names {
            let path = directory.0.join(&name);
            all.extend(if name.ends_with(".gz") { decompress(&path) } else { fs::read(path).unwrap() });
        }
        all.extend(fs::read(directory.log()).unwrap());
        all
    };
    let all = read_all();
    let whole = all.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    assert_in_order(&all[..whole], [1, 1]);

    let mut file = RollingFile::new(directory.log()).max_bytes(20_000).gzip().open().unwrap();
    std::io::Write::write_all(&mut file, b"{\"message\":\"next\"}\n").unwrap();
    until("all files are compressed", || {
        directory.names().iter().all(|name| name == "app.log" || name.ends_with(".log.gz"))
    });
    let again = read_all();
    assert!(again.starts_with(&all));
    assert!(again.ends_with(b"\n{\"message\":\"next\"}\n"));
}
