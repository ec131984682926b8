//! Foreign code runs here: a `Display` or `Debug` that fails or panics leaves a mark and no other trace.

use std::any::Any;
use std::fmt::{self, Write};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::json::Text;

const FAILED: &str = "[display failed]";
const PANICKED: &str = "[display panicked]";

/// Writes what the arguments give, and a mark after it if they fail.
pub(crate) fn write(text: &mut Text<'_>, arguments: fmt::Arguments<'_>) {
    if let Some(constant) = arguments.as_str() {
        return text.push(constant);
    }
    // Unwind safe: whatever was pushed, the text is a valid string to go on with.
    match catch_unwind(AssertUnwindSafe(|| text.write_fmt(arguments))) {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.push(FAILED),
        Err(payload) => {
            text.push(PANICKED);
            dispose(payload);
        }
    }
}

/// Runs foreign code; none if it panics.
pub(crate) fn call<R>(foreign: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(foreign)).map_err(dispose).ok()
}

/// The payload of a panic is foreign too. One that panics while it is dropped is leaked.
fn dispose(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
