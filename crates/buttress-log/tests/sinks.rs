//! Several sinks, each time in a process of its own.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)] // a child process has a main of its own

mod kit;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use buttress_log::{Config, FlushGuard, Format, InitError, Queue, Sink};
use tracing::level_filters::LevelFilter;

const MODE: &str = "BUTTRESS_LOG_TEST_SINKS";
const FILE: &str = "BUTTRESS_LOG_TEST_FILE";

fn file() -> PathBuf {
    std::env::var_os(FILE).unwrap().into()
}

fn init(mode: &str) -> Result<FlushGuard, InitError> {
    let config = Config::new().level(LevelFilter::DEBUG);
    match mode {
        "several" => config
            .target("noisy", LevelFilter::OFF)
            .sink(Sink::stderr().level(LevelFilter::WARN).format(Format::Human))
            .sink(Sink::stdout().directives("json,info,loud=trace").unwrap())
            .sink(Sink::file(file()).queue(Queue::new()))
            .init(),
        "one" => config.sink(Sink::stdout().level(LevelFilter::WARN)).init(),
        "queued human" => config.sink(Sink::stdout().format(Format::Human).queue(Queue::new())).init(),
        "exit" | "abort" => config.sink(Sink::stdout().queue(Queue::new())).init(),
        "bad file" => match config.sink(Sink::file("/dev/null/app.log")).init() {
            Err(error) => {
                eprintln!("{error}");
                Config::new().sink(Sink::stdout()).init()
            }
            Ok(_) => panic!("opened"),
        },
        _ => unreachable!(),
    }
}

/// Not a test: the child process of the other tests.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let guard = init(&mode).unwrap();
    let _span = tracing::debug_span!("order", customer = 17).entered();
    tracing::error!("an error");
    tracing::info!("some info");
    tracing::debug!("for debugging");
    tracing::trace!(target: "loud", "loud trace");
    tracing::error!(target: "noisy", "noise");
    match &*mode {
        "exit" => {
            guard.flusher().flush(Duration::from_secs(10)).unwrap();
            std::process::exit(3)
        }
        "abort" => {
            guard.flush(Duration::from_secs(10)).unwrap();
            std::process::abort()
        }
        _ => drop(guard),
    }
}

fn run(mode: &str) -> (Output, String) {
    let directory = std::env::temp_dir().join(format!(
        "buttress-sinks-{}-{}",
        mode.replace(' ', "-"),
        std::process::id()
    ));
    let file = directory.join("deep/app.log");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(MODE, mode)
        .env(FILE, &file)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let written = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_dir_all(&directory);
    (output, written)
}

/// The messages among the lines of the test harness.
fn messages(text: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(text).unwrap();
    // The harness prints the name of the test before the first line, without a newline.
    let lines = text.lines().filter_map(|line| Some(&line[line.find("{\"timestamp\"")?..]));
    lines.map(|line| kit::strict(line)["message"].as_str().unwrap().to_owned()).collect()
}

/// Each sink has its own format and levels, and those of the program where it has none.
#[test]
fn each_sink_has_its_own_levels_and_format() {
    let (output, file) = run("several");
    assert!(output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("ERROR an error customer=17"), "{stderr}");
    assert!(!stderr.contains("some info"), "{stderr}");
    assert_eq!(messages(&output.stdout), ["an error", "some info", "loud trace"]);
    assert_eq!(messages(file.as_bytes()), ["an error", "some info", "for debugging"]);
    assert_eq!(kit::parse(file.as_bytes())[2]["customer"], 17);
}

#[test]
fn one_sink_has_its_own_level() {
    let (output, _) = run("one");
    assert_eq!(messages(&output.stdout), ["an error", "noise"]);
}

/// Lines for people go through a queue as well.
#[test]
fn people_may_read_through_a_queue() {
    let (output, _) = run("queued human");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("ERROR an error customer=17") && stdout.contains("for debugging"), "{stdout}");
}

/// [S37] What was flushed before the process ended in any way is there.
#[test]
fn a_flush_before_the_end_loses_nothing() {
    for (mode, code) in [("exit", Some(3)), ("abort", None)] {
        let (output, _) = run(mode);
        assert_eq!(output.status.code(), code, "{mode}");
        assert_eq!(messages(&output.stdout), ["an error", "some info", "for debugging", "noise"], "{mode}");
    }
}

/// A sink that cannot be opened is a typed error with its path and the cause, and the program may set up another one.
#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let (output, _) = run("bad file");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot open log sink /dev/null/app.log: "), "{stderr}");
    assert_eq!(messages(&output.stdout), ["an error", "some info", "noise"]);
}

#[test]
fn bad_directives_are_refused() {
    let error = Sink::stdout().directives("json,app=debugg").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid directives: must be formats, levels and target=level, got \"json,app=debugg\", where \"app=debugg\" is \
         ignored, did you mean \"app=debug\"?"
    );
}
