//! `init`, each time in a process of its own.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::process::{Command, Stdio};

use buttress_log::{Config, Format};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

const MODE: &str = "BUTTRESS_LOG_TEST_MODE";

/// Not a test: the child process of the other tests.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    let guard = match std::env::var(MODE).as_deref() {
        Ok("env") => buttress_log::init(),
        Ok("code") => Config::from_env()
            .format(Format::Json)
            .level(LevelFilter::DEBUG)
            .target("noisy::", LevelFilter::OFF)
            .init(),
        Ok("flush") => Config::new().writer(|| Flushing).init(),
        Ok("twice") => {
            let first = buttress_log::init();
            let second = buttress_log::init().unwrap_err();
            tracing::info!(%second, "still here");
            first
        }
        _ => return,
    };
    let _guard = guard.unwrap();
    tracing::info!(n = 1, "info line");
    tracing::debug!("debug line");
    tracing::info!(target: "noisy", "noisy line");
    tracing::error!(error = &std::io::Error::other("why") as &dyn std::error::Error, "error line");
}

/// Standard error, whose `flush` logs and panics.
struct Flushing;

impl std::io::Write for Flushing {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        std::io::stderr().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        tracing::error!("by the writer");
        std::panic::resume_unwind(Box::new("no hook, no message"))
    }
}

fn child_command(mode: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(MODE, mode)
        .env_remove("BUTTRESS_LOG")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

fn run(mode: &str, variable: Option<&str>) -> String {
    run_with_rust_log(mode, variable, None)
}

/// Runs the child with `RUST_LOG` set as well.
fn run_with_rust_log(mode: &str, variable: Option<&str>, other: Option<&str>) -> String {
    let mut command = child_command(mode);
    if let Some(value) = variable {
        command.env("BUTTRESS_LOG", value);
    }
    if let Some(value) = other {
        command.env("RUST_LOG", value);
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    stderr
}

fn messages(stderr: &str) -> Vec<String> {
    kit::parse(stderr.as_bytes()).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_a_variable_and_a_terminal_it_is_json_at_info() {
    assert_eq!(messages(&run("env", None)), ["info line", "noisy line", "error line"]);
    assert_eq!(messages(&run("env", Some(""))), ["info line", "noisy line", "error line"]);
    assert_eq!(messages(&run("env", Some("auto"))), ["info line", "noisy line", "error line"]);
}

#[test]
fn the_variable_picks_format_and_levels() {
    assert_eq!(
        messages(&run("env", Some("json,debug,noisy=warn"))),
        ["info line", "debug line", "error line"]
    );
    assert_eq!(messages(&run("env", Some("error"))), ["error line"]);
    assert_eq!(run("env", Some("off")), "");
    let human = run("env", Some("warn,human,noisy=info"));
    let lines: Vec<_> =
        human.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest)).collect();
    assert_eq!(lines, [" INFO noisy line noisy", "ERROR error line init", "   why (unknown, retry never)"]);
    assert!(!human.contains('\x1b'), "no colour where there is no terminal");
}

#[test]
fn a_typo_in_the_variable_is_reported_once() {
    for value in ["json,inof,noisy=wran,error", "error,inof,noisy=wran"] {
        let lines: Vec<Value> = kit::parse(run("env", Some(value)).as_bytes());
        assert_eq!(lines.len(), 2, "{value}: {lines:#?}");
        assert_eq!((&lines[0]["level"], &lines[0]["event"]), (&"WARN".into(), &"log.setting_ignored".into()));
        assert_eq!(
            (&lines[0]["variable"], &lines[0]["ignored"]),
            (&"BUTTRESS_LOG".into(), &"inof,noisy=wran".into())
        );
        let message = r#"BUTTRESS_LOG: "inof" is ignored, did you mean "info"?; "noisy=wran" is ignored, did you mean "noisy=warn"?"#;
        assert_eq!(lines[0]["message"], message);
        assert_eq!(lines[1]["message"], "error line");
    }
    assert_eq!(
        messages(&run("env", Some("off,jsn"))),
        [r#"BUTTRESS_LOG: "jsn" is ignored, did you mean "json"?"#]
    );
}

#[test]
fn an_overridden_level_is_reported() {
    let lines: Vec<Value> = kit::parse(run("env", Some("info,error")).as_bytes());
    assert_eq!(lines[0]["message"], r#"BUTTRESS_LOG: "info" is ignored: the later "error" overrides it"#);
    assert_eq!(lines[1]["message"], "error line");
    assert_eq!(lines.len(), 2);
}

#[test]
fn code_overrides_the_variable() {
    let lines = messages(&run("code", Some("human,off,noisy=trace")));
    assert_eq!(lines, ["info line", "debug line", "error line"]);
}

#[test]
fn a_second_init_is_an_error() {
    let lines = kit::parse(run("twice", None).as_bytes());
    assert_eq!(lines[0]["message"], "still here");
    assert_eq!(lines[0]["second"], "a global tracing subscriber is already set");
    assert_eq!(lines.len(), 4);
}

/// A writer that logs and panics when the guard flushes it does no harm.
#[test]
fn a_flush_that_panics_is_contained() {
    assert_eq!(messages(&run("flush", None)), ["info line", "noisy line", "error line"]);
}

/// `RUST_LOG` has no effect. One line reports that it is set, unless it has the value of `BUTTRESS_LOG`.
#[test]
fn rust_log_is_reported_once() {
    let named = "RUST_LOG is not read: set BUTTRESS_LOG instead";
    let rest = ["info line", "noisy line", "error line"];
    for variable in [None, Some(""), Some("json")] {
        let stderr = run_with_rust_log("env", variable, Some("debug"));
        assert_eq!(messages(&stderr), [&[named], &rest[..]].concat(), "{variable:?}");
        let line = &kit::parse(stderr.as_bytes())[0];
        let fields = ["level", "event", "variable", "ignored"].map(|name| line[name].as_str().unwrap());
        assert_eq!(fields, ["WARN", "log.setting_ignored", "RUST_LOG", "debug"]);
    }
    assert_eq!(messages(&run_with_rust_log("env", Some("info"), Some("info"))), rest);
    assert_eq!(messages(&run_with_rust_log("env", None, Some(""))), rest);
    assert_eq!(run_with_rust_log("env", Some("off"), Some("debug")), "");
}

/// A directive matches targets as paths, and one with a hyphen is reported.
#[test]
fn a_directive_matches_paths() {
    let out = messages(&run("env", Some("noi=off,noisy_too=off,ini=off")));
    assert_eq!(out, ["info line", "noisy line", "error line"]);
    let lines = messages(&run("env", Some("error,my-app=debug,noisy=info")));
    let named = r#"BUTTRESS_LOG: "my-app=debug" matches no crate: the targets of a crate have underscores, did you mean "my_app=debug"?"#;
    assert_eq!(lines, [named, "noisy line", "error line"]);
}

/// A variable that is not UTF-8, or huge, is reported like any other typo, on one line of valid JSON.
#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text() {
    use std::os::unix::ffi::OsStringExt;
    let run = |variable: &str, value: Vec<u8>| {
        let mut command = child_command("env");
        command.env(variable, std::ffi::OsString::from_vec(value));
        let output = command.output().unwrap();
        assert!(output.status.success());
        kit::parse(&output.stderr)
    };
    let lines = run("BUTTRESS_LOG", b"json,\xff\xfe,noisy=\xc3,error".to_vec());
    assert_eq!(lines[0]["ignored"], "\u{fffd}\u{fffd},noisy=\u{fffd}");
    assert_eq!((lines.len(), &lines[1]["message"]), (2, &"error line".into()));
    let lines = run("RUST_LOG", b"\xff".to_vec());
    assert_eq!((lines.len(), &lines[0]["ignored"]), (4, &"\u{fffd}".into()));
    let lines = run("BUTTRESS_LOG", b"\x1b[2J,a-b=off,\"\n{},".repeat(5_000));
    assert_eq!(lines.len(), 4);
    assert!(lines[0]["message"].as_str().unwrap().ends_with(" bytes cut]"));
}
