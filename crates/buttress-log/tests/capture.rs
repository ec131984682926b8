//! The assertions of `test::capture`, and their panic messages.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use buttress_log::as_dyn;
use buttress_log::test::{Logs, capture};

fn panic_of<R>(logs: &Logs, assert: impl FnOnce(&Logs) -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(assert(logs)))).unwrap_err();
    *payload.downcast::<String>().unwrap()
}

#[test]
fn one_message_is_found() {
    let logs = capture();
    tracing::error!(order = 42, "order \"A\" failed");
    tracing::info!("twice");
    tracing::info!("twice");
    logs.assert_message("order \"A\" failed").field("order", 42).field("level", "ERROR");
    assert_eq!(logs.messages("twice").len(), 2);
    let message = panic_of(&logs, |logs| logs.assert_message("twice"));
    assert!(
        message.starts_with("expected exactly one message `twice`, found 2 in:\n{\"timestamp\""),
        "{message}"
    );
    let message = panic_of(&logs, |logs| logs.assert_message("order"));
    assert!(
        message.starts_with("expected exactly one message `order`, found 0 in:\n{"),
        "a part is not the message: {message}"
    );
}

#[test]
fn an_empty_capture_hints_at_other_threads() {
    let logs = capture();
    thread::spawn(|| tracing::info!(event = "elsewhere", "x")).join().unwrap();
    let message = panic_of(&logs, |logs| logs.assert_one("elsewhere"));
    assert!(
        message.starts_with("expected exactly one event `elsewhere`, found 0 in:\n(no lines on this thread;"),
        "{message}"
    );
    assert!(message.contains("multi_thread runtime"), "{message}");
    tracing::info!("here");
    let message = panic_of(&logs, |logs| logs.assert_one("elsewhere"));
    assert!(!message.contains("other threads"), "{message}");
}

/// [S35] The short forms keep an error whole, of any type.
#[test]
fn short_forms_keep_the_error_whole() {
    let logs = capture();
    let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    tracing::error!(error = as_dyn(&io), "one");
    let boxed: Box<dyn std::error::Error + Send + Sync> = io.into();
    tracing::error!(error = &*boxed, "two");
    tracing::error!(error = %boxed, "lost");
    let error = |message| logs.assert_message(message).get("error").unwrap().to_owned();
    assert_eq!(error("one"), error("two"));
    assert!(error("one").contains("\"kind\":\"unavailable\""), "{}", error("one"));
    assert_eq!(error("lost"), "{\"message\":\"connection reset\"}");
}
