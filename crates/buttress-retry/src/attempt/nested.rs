//! Tells an outer retry what an inner one has exhausted, for error types that cannot store that.
//!
//! A retry that gives up sets a mark in a thread local while its poll returns to the outer retry. The outer retry compares
//! the mark before and after it polls an attempt, and restores it. So a mark never concerns another task, or a call beside
//! this one. If a failure reaches the outer retry through another task, only the error itself can say that it is exhausted.

use std::cell::Cell;
use std::mem;
use std::num::NonZeroU8;

use buttress_error::{Class, Error, Kind};

thread_local! {
    static LATEST: Cell<Mark> = const { Cell::new(Mark(0)) };
}

/// A serial number and, in the lowest byte, an [`InnerExhausted`]. With a serial number an attempt without a new mark needs
/// no write to the thread local.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark(u64);

impl Mark {
    const fn next(self, inner: InnerExhausted) -> Self {
        let serial = (self.0 >> u8::BITS) + 1;
        Self(serial << u8::BITS | inner.0.get() as u64)
    }

    fn inner(self) -> Option<InnerExhausted> {
        NonZeroU8::new(self.0.to_le_bytes()[0]).map(InnerExhausted)
    }
}

/// The kind of the failure that an inner retry has exhausted, and whether the error stores that too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InnerExhausted(NonZeroU8);

impl InnerExhausted {
    const STORED: u8 = 0x80;

    fn new(kind: Kind, stored: bool) -> Self {
        let number = NonZeroU8::new(kind as u8).expect("kinds are numbered from 1");
        Self(if stored { number | Self::STORED } else { number })
    }

    const fn is(self, kind: Kind) -> bool {
        self.0.get() & !Self::STORED == kind as u8
    }

    const fn is_stored(self) -> bool {
        self.0.get() & Self::STORED != 0
    }
}

/// The mark before an attempt is polled. Dropped by a panic, it is restored: code between the two retries may catch the
/// panic.
#[must_use = "it has to be passed to `leave`"]
pub(crate) struct OuterMark(Mark);

impl Drop for OuterMark {
    fn drop(&mut self) {
        LATEST.set(self.0);
    }
}

/// Reads the mark before an attempt is polled.
#[inline]
pub(crate) fn enter() -> OuterMark {
    OuterMark(LATEST.get())
}

/// Returns what an inner retry has exhausted since [`enter`], and restores the mark.
#[inline]
pub(crate) fn leave(outer: OuterMark) -> Option<InnerExhausted> {
    let before = outer.0;
    mem::forget(outer);
    if LATEST.get() == before { None } else { LATEST.replace(before).inner() }
}

/// Tells the outer retry that a failure of `class` is exhausted. `stored` is whether the error says so too.
pub(super) fn mark_exhausted(class: &Class, stored: bool) {
    LATEST.set(LATEST.get().next(InnerExhausted::new(class.kind, stored)));
}

/// Returns the class of a failure, exhausted if it is the one that `inner` is about.
///
/// It is not if the kind differs. It is not either if the inner error said that it is exhausted and this [`Error`], returned
/// by `error`, does not.
pub(super) fn classify(
    class: &Class,
    inner: Option<InnerExhausted>,
    error: impl FnOnce() -> Option<Error>,
) -> Class {
    match inner {
        Some(inner) if inner.is(class.kind) && !class.exhausted => {
            let another = inner.is_stored() && error().is_some_and(|error| !error.class().exhausted);
            if another { *class } else { class.exhausted() }
        }
        _ => *class,
    }
}
