//! The thread local: one frame is current, and a scope swaps its own in and out.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};

use crate::context::Says;
use crate::{Context, Report};

thread_local! {
    // Never dropped: what is left here when the thread ends is its own frame, which holds nothing. So reaching it costs
    // no question whether it is still there.
    static CURRENT: RefCell<ManuallyDrop<Frame>> = const { RefCell::new(ManuallyDrop::new(Frame::ROOT)) };

    // What the context of that frame says at all: a look at it costs one instruction.
    static SAYS: Cell<Says> = const { Cell::new(Says::NOTHING) };
}

/// A context and its report, to be made current around each poll: what [`Scope`](crate::Scope) and the layers are
/// made of.
///
/// Entering and leaving is a swap of two plain values: no allocation, no reference count.
#[derive(Debug)]
pub struct Frame {
    /// What goes inward.
    pub context: Context,
    /// What comes outward.
    pub report: Report,
    kind: FrameKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    /// The thread's own, outside of any call: nobody will read its report.
    Root,
    /// Reports to the frame around it.
    Inner,
    /// Its report ends here.
    Boundary,
}

impl Frame {
    const ROOT: Self = Self { context: Context::EMPTY, report: Report::EMPTY, kind: FrameKind::Root };

    /// A frame whose report goes on to the frame around it when its scope ends.
    #[must_use]
    pub const fn new(context: Context) -> Self {
        Self { context, report: Report::EMPTY, kind: FrameKind::Inner }
    }

    /// A frame whose report ends here: one call of its own.
    #[must_use]
    pub const fn boundary(context: Context) -> Self {
        Self { context, report: Report::EMPTY, kind: FrameKind::Boundary }
    }

    /// Makes it current until the guard is dropped. Meanwhile `self` holds the frame around it.
    #[must_use = "it is current only as long as the guard lives"]
    pub fn enter(&mut self) -> Entered<'_> {
        swap(self);
        Entered { frame: self, stays: PhantomData }
    }

    /// Hands the report over to the frame around it, at the end of the scope.
    pub fn close(&mut self) {
        if self.kind == FrameKind::Inner && !self.report.is_empty() {
            let report = mem::take(&mut self.report);
            write_report(|outer| outer.absorb(report));
        }
    }
}

/// The guard of [`Frame::enter`]: leaves the frame when dropped. Drop guards in the reverse order of their making.
///
/// It is not `Send`, so that a task which is spawned cannot hold it across an await: the context would stay current
/// for whatever the thread does next.
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
pub struct Entered<'f> {
    frame: &'f mut Frame,
    stays: PhantomData<*const ()>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        swap(self.frame);
    }
}

/// While a thread ends its locals may be gone, by platform: then no frame is current, and swapping does nothing, twice.
fn swap(frame: &mut Frame) {
    let _ = CURRENT.try_with(|current| {
        let current = &mut **current.borrow_mut();
        current.context.swap(&mut frame.context);
        SAYS.set(current.context.says());
        mem::swap(&mut current.kind, &mut frame.kind);
        // Seldom: most calls have nothing to report, and what is empty need not change places.
        if !(current.report.is_empty() && frame.report.is_empty()) {
            mem::swap(&mut current.report, &mut frame.report);
        }
    });
}

#[inline]
pub(crate) fn says() -> Says {
    SAYS.get()
}

pub(crate) fn read<T>(read: impl FnOnce(&Frame) -> T) -> T {
    let mut read = Some(read);
    let mut take = |frame: &Frame| read.take().map(|read| read(frame));
    match CURRENT.try_with(|current| take(&current.borrow())) {
        Ok(Some(value)) => value,
        _ => take(&Frame::ROOT).expect("the closure has not run: the thread local was gone"),
    }
}

/// `write` works on the report outside of the cell: it is the caller's code, and drops the caller's errors, so it may
/// enter scopes or log lines that read the context.
pub(crate) fn write_report(write: impl FnOnce(&mut Report)) {
    if let Some(mut report) = swap_report(Report::EMPTY) {
        write(&mut report);
        // What `write` itself caused to be reported comes after it.
        report.absorb(swap_report(Report::EMPTY).unwrap_or_default());
        swap_report(report);
    }
}

/// None outside of any call: nobody would read it.
fn swap_report(report: Report) -> Option<Report> {
    let swap = |current: &RefCell<ManuallyDrop<Frame>>| {
        let frame = &mut **current.borrow_mut();
        (frame.kind != FrameKind::Root).then(|| mem::replace(&mut frame.report, report))
    };
    CURRENT.try_with(swap).ok().flatten()
}
