//! The buffers of a thread. Every line reuses them; they are kept while they are small.

use std::cell::Cell;

use crate::encode::fields::Fields;

/// A buffer that a long line has grown beyond this size is freed, because a program may have many threads.
const MAX_KEPT: usize = 4 << 10;

/// The parts of a line under construction.
#[derive(Debug, Default)]
pub(crate) struct LineBuffers {
    pub(crate) line: Vec<u8>,
    /// The fields of the context.
    pub(crate) context: Fields,
    /// The fields of the event, or of the span that is created or recorded.
    pub(crate) fields: Fields,
    /// The error object of the event.
    pub(crate) error: Vec<u8>,
    /// For the fields of a span while they are merged with those of the span around it.
    pub(crate) merged: Fields,
}

thread_local! {
    static BUFFERS: Cell<Option<Box<LineBuffers>>> = const { Cell::new(None) };
}

impl LineBuffers {
    /// Runs `work` with this thread's buffers, empty.
    ///
    /// A line that begins while another is under construction (a `Display` that logs) finds them taken and gets new ones, so
    /// that neither can damage the other.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        let mut buffers = BUFFERS.try_with(Cell::take).ok().flatten().unwrap_or_default();
        buffers.clear();
        let result = work(&mut buffers);
        let _ = BUFFERS.try_with(|cell| cell.set(Some(buffers)));
        result
    }

    fn clear(&mut self) {
        for buffer in [&mut self.line, &mut self.error] {
            buffer.clear();
            buffer.shrink_to(MAX_KEPT);
        }
        for fields in [&mut self.context, &mut self.fields, &mut self.merged] {
            fields.clear();
            fields.shrink_to(MAX_KEPT);
        }
    }
}
