//! `Frame`: a context and its report, which are current on a thread while a scope is entered.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};

use crate::context::Contents;
use crate::{Context, Report};

thread_local! {
    // Never dropped, so that access needs no check for a destroyed value. The frame that is left when the thread ends is
    // the thread's own, which is empty.
    static CURRENT: RefCell<ManuallyDrop<Frame>> = const { RefCell::new(ManuallyDrop::new(Frame::ROOT)) };

    // The contents of that frame's context, readable with one instruction.
    static CONTENTS: Cell<Contents> = const { Cell::new(Contents::NONE) };
}

/// A context and its report, which become current while the frame is [entered](Self::enter).
/// [`Scope`](crate::Scope) enters one around each poll of a future.
///
/// Entering and leaving swaps two plain values: no allocation, no reference count.
#[derive(Debug)]
pub struct Frame {
    /// The values that inner code reads.
    pub context: Context,
    /// The report that inner code writes.
    pub report: Report,
    kind: FrameKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    /// The thread's own, outside of any call. Reports written in it are discarded.
    Root,
    /// Its report is added to that of the outer frame.
    Inner,
    /// Its report is not added to that of the outer frame.
    Boundary,
}

impl Frame {
    const ROOT: Self = Self { context: Context::EMPTY, report: Report::EMPTY, kind: FrameKind::Root };

    /// Creates a frame whose report is added to that of the outer frame when its scope ends.
    #[must_use]
    pub const fn new(context: Context) -> Self {
        Self { context, report: Report::EMPTY, kind: FrameKind::Inner }
    }

    /// Creates a frame for a separate call: its report is not added to that of the outer frame.
    #[must_use]
    pub const fn boundary(context: Context) -> Self {
        Self { context, report: Report::EMPTY, kind: FrameKind::Boundary }
    }

    /// Makes it current until the guard is dropped. Meanwhile `self` holds the outer frame.
    #[must_use = "the frame is current only as long as the guard lives"]
    pub fn enter(&mut self) -> FrameGuard<'_> {
        swap(self);
        FrameGuard { frame: self, stays: PhantomData }
    }

    /// Adds the report to that of the outer frame, at the end of the scope.
    pub fn close(&mut self) {
        if self.kind == FrameKind::Inner && !self.report.is_empty() {
            let report = mem::take(&mut self.report);
            write_report(|outer| outer.absorb(report));
        }
    }
}

/// The guard of [`Frame::enter`]: leaves the frame when dropped. Drop guards in the reverse order of their creation.
///
/// It is not `Send`, so that a spawned task cannot hold it across an await, where the context would stay current for the
/// next task of the thread.
///
/// ```compile_fail
/// # use buttress_context::{Context, Frame};
/// # fn spawnable(_: impl Send) {}
/// spawnable(async {
///     let mut frame = Frame::new(Context::current());
///     let _entered = frame.enter();
///     std::future::ready(()).await;
/// });
/// ```
///
/// ```
/// # use buttress_context::{Context, Frame};
/// # fn spawnable(_: impl Send) {}
/// spawnable(async {
///     let mut frame = Frame::new(Context::current());
///     {
///         let _entered = frame.enter();
///     }
///     std::future::ready(()).await;
/// });
/// ```
#[derive(Debug)]
pub struct FrameGuard<'f> {
    frame: &'f mut Frame,
    stays: PhantomData<*const ()>,
}

impl Drop for FrameGuard<'_> {
    fn drop(&mut self) {
        swap(self.frame);
    }
}

/// While a thread ends its locals may be destroyed, depending on the platform. Then entering and leaving do nothing.
fn swap(frame: &mut Frame) {
    let _ = CURRENT.try_with(|current| {
        let current = &mut **current.borrow_mut();
        current.context.swap(&mut frame.context);
        CONTENTS.set(current.context.contents());
        mem::swap(&mut current.kind, &mut frame.kind);
        // Most calls report nothing, and two empty reports need no swap.
        if !(current.report.is_empty() && frame.report.is_empty()) {
            mem::swap(&mut current.report, &mut frame.report);
        }
    });
}

#[inline]
pub(crate) fn contents() -> Contents {
    CONTENTS.get()
}

pub(crate) fn read<T>(read: impl FnOnce(&Frame) -> T) -> T {
    let mut read = Some(read);
    let mut take = |frame: &Frame| read.take().map(|read| read(frame));
    match CURRENT.try_with(|current| take(&current.borrow())) {
        Ok(Some(value)) => value,
        _ => take(&Frame::ROOT).expect("the closure has not run: the thread local was gone"),
    }
}

/// Calls `write` while the cell is not borrowed: the caller's code, and the drop of an error in the report, may enter
/// scopes or log lines that read the context.
pub(crate) fn write_report(write: impl FnOnce(&mut Report)) {
    if let Some(mut report) = swap_report(Report::EMPTY) {
        write(&mut report);
        // Reports that `write` itself has caused come after it.
        report.absorb(swap_report(Report::EMPTY).unwrap_or_default());
        swap_report(report);
    }
}

/// Returns `None` outside of any call, where reports are discarded.
fn swap_report(report: Report) -> Option<Report> {
    let swap = |current: &RefCell<ManuallyDrop<Frame>>| {
        let frame = &mut **current.borrow_mut();
        (frame.kind != FrameKind::Root).then(|| mem::replace(&mut frame.report, report))
    };
    CURRENT.try_with(swap).ok().flatten()
}
