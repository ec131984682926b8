//! Which failure a retry further in has given up on: for error types that can't hold the mark.
//!
//! A retry that gives up makes a note in a thread local while its poll returns to the retry around it. That one looks before
//! it polls an attempt and after it, and takes back what was noted meanwhile: so a note never tells of another task, or of
//! a call beside this one. A failure that comes out by another task than the retry that gave up has only the mark.

use std::cell::Cell;
use std::mem;
use std::num::NonZeroU8;

use buttress_error::{Class, Error, Kind};

thread_local! {
    static LATEST: Cell<Note> = const { Cell::new(Note(0)) };
}

/// The number of the latest note and, in the lowest byte, what it says. Numbered, so that an attempt in which none is made
/// writes nothing here: the next call would have to wait for what this one has written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Note(u64);

impl Note {
    const fn next(self, given_up: GivenUp) -> Self {
        let number = (self.0 >> u8::BITS) + 1;
        Self(number << u8::BITS | given_up.0.get() as u64)
    }

    fn given_up(self) -> Option<GivenUp> {
        NonZeroU8::new(self.0.to_le_bytes()[0]).map(GivenUp)
    }
}

/// What a retry further in has given up on: a kind, by its number, and whether the failure holds the mark as well.
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

/// The latest note for a retry further out, kept while an attempt is polled. An attempt that panics leaves it as it was:
/// somebody between the two retries may catch the panic.
#[must_use = "it has to be put back"]
pub(crate) struct Outer(Note);

impl Drop for Outer {
    fn drop(&mut self) {
        LATEST.set(self.0);
    }
}

/// An attempt is about to be polled.
#[inline]
pub(crate) fn enter() -> Outer {
    Outer(LATEST.get())
}

/// It has been polled: what a retry further in has given up on meanwhile.
#[inline]
pub(crate) fn leave(outer: Outer) -> Option<GivenUp> {
    let before = outer.0;
    mem::forget(outer);
    if LATEST.get() == before { None } else { take_back(before) }
}

#[cold]
#[inline(never)]
fn take_back(before: Note) -> Option<GivenUp> {
    LATEST.replace(before).given_up()
}

/// This retry gives up, or passes on what another one has given up on.
pub(crate) fn give_up(class: &Class, marked: bool) {
    LATEST.set(LATEST.get().next(GivenUp::new(class.kind, marked)));
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
