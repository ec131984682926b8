//! The panic hook, in a process of its own.

#![allow(clippy::unwrap_used, clippy::panic)] // a child process that panics

mod kit;

use std::process::{Command, Stdio};

use buttress_context::{Context, RequestId};
use buttress_log::{Config, Format, LogLayer, Queue, Sink};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tracing::info_span;

const CHILD: &str = "BUTTRESS_LOG_TEST_PANICS";

/// Not a test: the child process of the next ones.
#[test]
#[ignore = "run by the other tests as a child process"]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let _guard = Config::new()
        .sink(Sink::stdout().format(Format::Json).queue(Queue::new()))
        .log_panics()
        .init()
        .unwrap();
    buttress_log::log_panics(); // a second time: no second record
    let thread = std::thread::Builder::new().name("worker".to_owned()).spawn(|| {
        let cx = Context::current().with_request_id(RequestId::parse("req-1").unwrap());
        cx.run(|| {
            let _span = info_span!("order", customer = 17).entered();
            panic!("no \"order\" with password=hunter2 and {}", 17);
        })
    });
    assert!(thread.unwrap().join().is_err());
    assert!(std::thread::spawn(|| std::panic::panic_any(17)).join().is_err());

    let service = LogLayer::new("payments").layer(service_fn(|_: u32| async {
        if true {
            panic!("in a call");
        }
        Ok::<_, buttress_error::Error>(())
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let call = std::panic::AssertUnwindSafe(|| runtime.block_on(service.oneshot(7)));
    assert!(std::panic::catch_unwind(call).is_err());
    panic!("the end"); // unwinds out of the function: the guard flushes
}

fn run(backtrace: &str) -> (Vec<Value>, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", backtrace)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    // The harness prints the name of the test before the first line, without a newline.
    let lines = stdout.lines().filter_map(|line| Some(kit::strict(&line[line.find("{\"timestamp\"")?..])));
    (lines.collect(), String::from_utf8(output.stderr).unwrap())
}

/// [S37] [S38] One record for each panic, with its place and its call, without secrets; the hook before it still runs, and a panic
/// that ends the program loses no record.
#[test]
fn each_panic_is_logged_once() {
    let (lines, stderr) = run("0");
    let raised: Vec<_> = lines.iter().filter(|line| line["event"] == "panic.raised").collect();
    assert_eq!(raised.len(), 4, "{lines:#?}");
    let first = raised[0];
    assert_eq!((&first["level"], &first["target"]), (&"ERROR".into(), &"buttress::panic".into()));
    assert_eq!((&first["thread"], &first["customer"]), (&"worker".into(), &17.into()));
    assert_eq!(first["request_id"], "req-1");
    let message = first["panic"].as_str().unwrap();
    assert!(message.starts_with("no \"order\" with password=") && message.ends_with("and 17"), "{message}");
    assert!(!lines.iter().any(|line| line.to_string().contains("hunter2")), "{lines:#?}");
    assert!(first["location"].as_str().unwrap().contains("panics.rs:"), "{first}");
    assert!(first.get("backtrace").is_none());
    assert_eq!(raised[1]["panic"], "a value that is no text");
    assert_eq!(raised[3]["panic"], "the end");
    assert!(stderr.contains("thread 'worker'") && stderr.contains("the end"), "the hook before it: {stderr}");

    let ended = lines.iter().find(|line| line["event"] == "call.ended").unwrap();
    assert_eq!((&ended["outcome"], &ended["panic"]), (&"panic".into(), &raised[2]["location"]));
}

/// A backtrace begins at the code that panicked, and has a limit.
#[test]
fn a_backtrace_is_logged_on_request() {
    let (lines, _) = run("1");
    let first = lines.iter().find(|line| line["event"] == "panic.raised").unwrap();
    let backtrace = first["backtrace"].as_str().unwrap();
    // Either the name of the first function or its place says so, depending on the debug information.
    let first: Vec<_> = backtrace.lines().take(2).collect();
    let (name, place) = ("panics::child", "tests/panics.rs:");
    assert!(first.iter().any(|line| line.contains(name) || line.contains(place)), "{backtrace}");
    assert!(backtrace.len() < 8_300, "{}", backtrace.len());
}
