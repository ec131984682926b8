//! The boundary to user code: a panic stops here.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code. Returns `None` if it panics.
///
/// The caller must be able to go on with whatever the code has left behind.
pub(crate) fn catch<R>(user_code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(user_code)).map_err(drop_payload).ok()
}

/// The payload is user code too: one that panics in its `Drop` has its second payload leaked.
fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}
