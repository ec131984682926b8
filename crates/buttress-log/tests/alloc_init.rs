//! Allocations through `init`, counted in a process of its own, which has the global subscriber.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::process::{Command, Stdio};

use allocation_counter::measure;
use tracing::{info, info_span};

const CHILD: &str = "BUTTRESS_LOG_TEST_ALLOCATIONS";

/// Not a test: the child process of the next one. Prints how many allocations ten lines have cost.
#[test]
#[ignore = "run by the next test as a child process"]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let _guard = buttress_log::init().unwrap();
    let _outer = info_span!("outer", tenant = "acme").entered();
    let _inner = info_span!("inner", order = 1).entered();
    let line = || info!(customer = 17, amount = 49.99, currency = "EUR", "payment done");
    line();
    line();
    let count = measure(|| (0..10).for_each(|_| line())).count_total;
    println!("allocations: {count}");
}

/// A line to standard error through `init` allocates nothing: its writer is not boxed.
#[test]
fn a_line_through_init_allocates_nothing() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(CHILD, "1")
        .env("BUTTRESS_LOG", "json")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (text, lines) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{text}{lines}");
    assert_eq!(lines.lines().count(), 12, "{lines}");
    assert!(text.contains("allocations: 0\n"), "{text}");
}
