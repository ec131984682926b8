//! Foreign code that may panic: a `Display`, a `source()`, a drop.

use std::any::Any;
use std::fmt::{self, Write};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs foreign code. Returns `None` if it panics.
pub(crate) fn run<R>(foreign: impl FnOnce() -> R) -> Option<R> {
    // Unwind safe: callers look at nothing that the closure may have left half changed.
    catch_unwind(AssertUnwindSafe(foreign)).map_err(forget).ok()
}

/// Drops the payload of a panic. A payload that panics in turn is leaked.
fn forget(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}

/// Returns the text, with a mark at its end if its `Display` fails or panics.
pub(crate) fn text(foreign: impl fmt::Display) -> String {
    let mut text = String::new();
    match run(|| write!(text, "{foreign}")) {
        Some(Ok(())) => {}
        Some(Err(fmt::Error)) => text.push_str("[display failed]"),
        None => text.push_str("[display panicked]"),
    }
    text
}
