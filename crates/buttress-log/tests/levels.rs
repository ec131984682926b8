//! Levels that change while the program runs. Each test of the global subscriber has a process of its own.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use buttress_context::Context;
use buttress_log::test::LineBuffer;
use buttress_log::{Config, FlushGuard, Format, LogHandle, Sink};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

const MODE: &str = "BUTTRESS_LOG_LEVELS_MODE";

/// Not a test: the child process of the other tests.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    let Ok(mode) = std::env::var(MODE) else { return };
    if mode == "sinks" {
        return sinks();
    }
    let lines = LineBuffer::default();
    let mut config =
        Config::new().format(Format::Json).target("quiet", LevelFilter::WARN).writer(lines.clone());
    if mode == "call" {
        config = config.call_levels(LevelFilter::DEBUG);
    }
    let guard = config.init().unwrap();
    match &*mode {
        "change" => change(&guard.handle(), &lines),
        "expire" => expire(&guard, &lines),
        "refuse" => refuse(&guard.handle(), &lines),
        "off" => off(&guard.handle(), &lines),
        "load" => load(&guard.handle(), &lines),
        "call" => call_level(&lines, true),
        "no_call" => call_level(&lines, false),
        _ => unreachable!("no such mode"),
    }
}

fn run(mode: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(MODE, mode)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn events() {
    tracing::info!("info");
    tracing::debug!("debug");
    tracing::info!(target: "quiet::inner", "quiet");
}

/// What `work` logs.
fn logged(lines: &LineBuffer, work: impl FnOnce()) -> Vec<Value> {
    let before = lines.bytes().len();
    work();
    kit::parse(&lines.bytes()[before..])
}

fn messages(lines: &LineBuffer, work: impl FnOnce()) -> Vec<String> {
    logged(lines, work).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = tokio::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing happens");
        thread::sleep(Duration::from_millis(1));
    }
}

fn change(handle: &LogHandle, lines: &LineBuffer) {
    assert_eq!(messages(lines, events), ["info"]);
    let record = logged(lines, || handle.change("debug,quiet::inner=info").unwrap());
    assert_eq!((record.len(), &record[0]["event"]), (1, &"log.levels_changed".into()));
    assert_eq!((&record[0]["old"], &record[0]["change"]), (&"info,quiet=warn".into(), &"set".into()));
    assert_eq!(record[0]["new"], "debug,quiet=warn,quiet::inner=info");
    assert!(record[0].get("expires_in_ms").is_none());
    assert_eq!(handle.levels(), "debug,quiet=warn,quiet::inner=info");
    assert_eq!(messages(lines, events), ["info", "debug", "quiet"]);
    assert_eq!(messages(lines, || handle.clone().reset()), ["log levels changed"]);
    assert_eq!(messages(lines, events), ["info"]);
}

/// A change takes effect at callsites that have logged and at those that were off, and `reset` takes it back.
#[test]
fn a_change_takes_effect_at_once() {
    run("change");
}

fn expire(guard: &FlushGuard, lines: &LineBuffer) {
    let handle = guard.handle();
    let record = logged(lines, || handle.change_for(Duration::from_secs(3_600), "quiet=debug").unwrap());
    assert_eq!(record[0]["expires_in_ms"], 3_600_000);
    handle.change_for(Duration::from_millis(40), "debug").unwrap();
    assert_eq!(messages(lines, events), ["info", "debug", "quiet"]);
    let ended = || lines.read().last().is_some_and(|line| line.text("change") == Some("expired"));
    wait_until(ended);
    assert_eq!(lines.read().last().unwrap().text("old"), Some("debug,quiet=debug"));
    assert_eq!(handle.levels(), "info,quiet=debug");
    assert_eq!(messages(lines, events), ["info", "quiet"]);
    // Over at once.
    handle.change_for(Duration::ZERO, "trace").unwrap();
    assert_eq!(handle.levels(), "info,quiet=debug");
}

/// A temporary change ends by itself, without a runtime and without a further event, and the end is logged.
#[test]
fn a_temporary_change_ends_by_itself() {
    run("expire");
}

fn refuse(handle: &LogHandle, lines: &LineBuffer) {
    for (directives, suggestion, text) in [
        (
            "quiet=trace,app=debugg",
            Some("app=debug"),
            "\"app=debugg\" has no meaning, did you mean \"app=debug\"?",
        ),
        ("debug,my-app=debug", Some("my_app=debug"), "did you mean \"my_app=debug\"?"),
        ("debug,json", None, "\"json\" is a format, which cannot change while the program runs"),
        ("info,debug", None, "\"info\" and \"debug\" set the same level"),
        ("a[span]=debug", None, "filters on spans and fields are not supported"),
        ("?", None, "\"?\" is not a level or target=level"),
        (" , ", None, "there is no directive"),
    ] {
        let nothing = logged(lines, || {
            let error = handle.change(directives).unwrap_err();
            assert_eq!(error, handle.change_for(Duration::from_secs(1), directives).unwrap_err());
            assert_eq!(error.suggestion(), suggestion, "{error}");
            assert!(error.to_string().contains(text), "{error}");
            assert!(error.to_string().starts_with("levels not changed: "), "{error}");
        });
        assert!(nothing.is_empty());
        assert_eq!(handle.levels(), "info,quiet=warn");
    }
    assert_eq!(messages(lines, events), ["info"]);
}

/// Directives without a meaning are an error that suggests the nearest one, and change nothing.
#[test]
fn bad_directives_change_nothing() {
    run("refuse");
}

fn off(handle: &LogHandle, lines: &LineBuffer) {
    assert_eq!(
        messages(lines, || handle.change("off,quiet=off,buttress::log=off").unwrap()),
        ["log levels changed"]
    );
    assert_eq!(LevelFilter::current(), LevelFilter::OFF);
    assert!(messages(lines, || tracing::error!("off")).is_empty());
    assert_eq!(messages(lines, || handle.reset()), ["log levels changed"]);
}

/// The record of a change is written at any level, `off` included.
#[test]
fn a_change_is_logged_at_any_level() {
    run("off");
}

/// After the last change each callsite has the last levels, whatever the threads did meanwhile.
fn load(handle: &LogHandle, lines: &LineBuffer) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    events();
                }
            });
        }
        let changers: Vec<_> = ["debug", "warn,quiet=trace"]
            .map(|directives| {
                scope.spawn(move || {
                    for _ in 0..300 {
                        handle.change(directives).unwrap();
                        handle.reset();
                    }
                })
            })
            .into();
        changers.into_iter().for_each(|changer| changer.join().unwrap());
        handle.change("error").unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    assert!(messages(lines, || (0..100).for_each(|_| events())).is_empty());
    assert_eq!(LevelFilter::current(), LevelFilter::WARN, "quiet=warn is left");
    handle.change("debug,quiet=debug").unwrap();
    assert_eq!(messages(lines, events), ["info", "debug", "quiet"]);
    let changed =
        kit::parse(&lines.bytes()).iter().filter(|line| line["event"] == "log.levels_changed").count();
    assert_eq!(changed, 2 * 600 + 2, "each change is logged once");
}

/// Levels that several threads change while others log: no change is lost, and no callsite keeps an older answer.
#[test]
fn levels_change_under_load() {
    run("load");
}

fn call_level(lines: &LineBuffer, allowed: bool) {
    let debug = |level| {
        messages(lines, || {
            Context::current().with_log_level(level).run(|| {
                events();
                tracing::trace!("trace");
            });
        })
    };
    let raised = if allowed { &["info", "debug", "quiet"][..] } else { &["info"] };
    assert_eq!(debug(LevelFilter::TRACE), raised, "at most the limit of the program");
    assert_eq!(debug(LevelFilter::ERROR), ["info"], "it never disables");
    assert_eq!(messages(lines, events), ["info"], "another call");
}

/// A call may enable DEBUG for itself, up to the limit of the program, and no other call sees it.
#[test]
fn a_call_has_its_own_level() {
    run("call");
}

/// Without `Config::call_levels` a level in the context has no effect.
#[test]
fn the_level_of_a_call_is_off_by_default() {
    run("no_call");
}

fn sinks() {
    let [all, warnings] = [LineBuffer::default(), LineBuffer::default()];
    let guard = Config::new()
        .sink(Sink::writer(all.clone()).format(Format::Json))
        .sink(Sink::writer(warnings.clone()).format(Format::Json).level(LevelFilter::WARN))
        .init()
        .unwrap();
    let handle = guard.handle();
    let both = || [messages(&all, events), messages(&warnings, events)];
    assert_eq!(both(), [vec!["info", "quiet"], vec![]]);
    handle.change("debug").unwrap();
    assert_eq!(both(), [vec!["info", "debug", "quiet"], vec![]], "its own level stays");
    handle.change("quiet=info").unwrap();
    assert_eq!(
        both(),
        [vec!["info", "debug", "quiet"], vec!["quiet"]],
        "it has no level of its own for `quiet`"
    );
}

/// A change reaches each sink, except where the sink has a level of its own.
#[test]
fn a_sink_keeps_its_own_levels() {
    run("sinks");
}

/// The guard of a queue alone has no levels to change: an error says so.
#[test]
fn a_queue_alone_has_no_levels() {
    let (_queue, guard) = buttress_log::Queue::new().writer(std::io::sink()).unwrap();
    let error = guard.handle().change("debug").unwrap_err();
    assert_eq!(error.to_string(), "levels not changed: the guard is that of a queue, which has none");
    guard.handle().reset();
    assert_eq!(guard.handle().levels(), "");
}
