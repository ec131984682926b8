//! Which failure a retry further in has given up on: for error types that can't hold the mark.
//!
//! A retry that gives up notes the kind of the failure in a thread local while its poll returns to the retry around it.
//! That one clears the note before it polls an attempt, and looks after it: so the note never tells of another task,
//! or of a call beside this one. A failure that comes out by another task than the retry that gave up has only the mark.

use std::cell::Cell;
use std::mem;

use buttress_error::{Class, Kind};

thread_local! {
    static GIVEN_UP: Cell<Option<Kind>> = const { Cell::new(None) };
}

/// The note for a retry further out, kept while an attempt is polled. An attempt that panics puts it back as it was:
/// somebody between the two retries may catch the panic.
#[must_use = "it has to be put back"]
pub(crate) struct Outer(Option<Kind>);

impl Drop for Outer {
    fn drop(&mut self) {
        GIVEN_UP.set(self.0);
    }
}

/// An attempt is about to be polled.
pub(crate) fn enter() -> Outer {
    Outer(GIVEN_UP.take())
}

/// It has been polled: what a retry further in has given up on meanwhile.
pub(crate) fn leave(outer: Outer) -> Option<Kind> {
    let inner = GIVEN_UP.replace(outer.0);
    mem::forget(outer);
    inner
}

/// This retry gives up, or passes on what another one has given up on.
pub(crate) fn give_up(class: &Class) {
    GIVEN_UP.set(Some(class.kind));
}

/// The class of a failure in an attempt in which `given_up` was given up on. A failure of another kind came after it.
pub(crate) fn marked(class: &Class, given_up: Option<Kind>) -> Class {
    if given_up == Some(class.kind) { class.exhausted() } else { *class }
}
