//! The buffers of a thread, used for every line and kept while they are small.

use std::cell::Cell;

use crate::fields::Fields;

/// A buffer that a long line made longer than this is given back: a program may have many threads.
const KEEP: usize = 4 << 10;

/// The parts of a line while it is made.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) line: Vec<u8>,
    /// The fields of the context.
    pub(crate) context: Fields,
    /// The fields of the event, or of the span that is recorded.
    pub(crate) fields: Fields,
    /// The error object of the event.
    pub(crate) error: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends this thread's buffers, empty. A line that is made while another is being made (a `Display` that logs)
    /// finds them gone and gets new ones, so neither can damage the other.
    pub(crate) fn lend<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
        scratch.clear();
        let result = work(&mut scratch);
        let _ = SCRATCH.try_with(|place| place.set(Some(scratch)));
        result
    }

    fn clear(&mut self) {
        for buffer in [&mut self.line, &mut self.error] {
            buffer.clear();
            buffer.shrink_to(KEEP);
        }
        for fields in [&mut self.context, &mut self.fields] {
            fields.clear();
            fields.shrink(KEEP);
        }
    }
}
