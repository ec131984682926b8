//! Which failure a retry further in has given up on: for error types that can't hold the mark.
//!
//! A retry that gives up notes the kind of the failure in a thread local while its poll returns to the retry around it.
//! That one clears the note before it polls an attempt, and looks after it: so the note never tells of another task,
//! or of a call beside this one. A failure that comes out by another task than the retry that gave up has only the mark.

use std::cell::Cell;
use std::mem;
use std::num::NonZeroU8;

use buttress_error::{Class, Error, Kind};

thread_local! {
    static GIVEN_UP: Cell<Option<GivenUp>> = const { Cell::new(None) };
}

/// What a retry further in has given up on: a kind, by its number, and whether the failure holds the mark as well. One byte,
/// as each attempt puts it aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenUp(NonZeroU8);

impl GivenUp {
    const MARKED: u8 = 0x80;

    fn new(kind: Kind, marked: bool) -> Self {
        let number = NonZeroU8::new(kind as u8).expect("kinds are numbered from 1");
        Self(if marked { number | Self::MARKED } else { number })
    }

    const fn is(self, kind: Kind) -> bool {
        self.0.get() & !Self::MARKED == kind as u8
    }

    const fn is_marked(self) -> bool {
        self.0.get() & Self::MARKED != 0
    }
}

/// The note for a retry further out, kept while an attempt is polled. An attempt that panics puts it back as it was:
/// somebody between the two retries may catch the panic.
#[must_use = "it has to be put back"]
pub(crate) struct Outer(Option<GivenUp>);

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
pub(crate) fn leave(outer: Outer) -> Option<GivenUp> {
    let inner = GIVEN_UP.replace(outer.0);
    mem::forget(outer);
    inner
}

/// This retry gives up, or passes on what another one has given up on.
pub(crate) fn give_up(class: &Class, marked: bool) {
    GIVEN_UP.set(Some(GivenUp::new(class.kind, marked)));
}

/// The class of a failure in an attempt in which `given_up` was given up on. A failure of another kind came after it, and
/// so did an [`Error`] without the mark that the other one holds: `kept` is the failure, if it is such a one.
pub(crate) fn marked(
    class: &Class,
    given_up: Option<GivenUp>,
    kept: impl FnOnce() -> Option<Error>,
) -> Class {
    match given_up {
        Some(given_up) if given_up.is(class.kind) && !class.exhausted => {
            let new = given_up.is_marked() && kept().is_some_and(|error| !error.class().exhausted);
            if new { *class } else { class.exhausted() }
        }
        _ => *class,
    }
}
