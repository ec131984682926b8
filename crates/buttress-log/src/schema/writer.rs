//! `SchemaWriter`: a writer that passes lines on in another schema.

use std::cell::RefCell;
use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::schema::schema::Schema;
use crate::sink::write::{Stopped, partial, write_line};

/// A writer that passes the lines of a [`JsonLayer`](crate::JsonLayer) to another one, in the words of a [`Schema`].
///
/// Redaction, limits and escapes are those of the line. Passing a line on does not allocate once the thread has passed on one
/// of that length.
#[derive(Clone, Debug)]
pub struct SchemaWriter<W> {
    schema: Schema,
    writer: W,
}

impl<W> SchemaWriter<W> {
    pub(super) const fn new(schema: Schema, writer: W) -> Self {
        Self { schema, writer }
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for SchemaWriter<W> {
    type Writer = SchemaLine<'a, W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        SchemaLine { inner: self.writer.make_writer(), schema: &self.schema }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        SchemaLine { inner: self.writer.make_writer_for(metadata), schema: &self.schema }
    }
}

/// The writer that [`SchemaWriter`] makes. Expects a whole line in each `write`. Other text passes through unchanged.
#[derive(Debug)]
pub struct SchemaLine<'a, W> {
    inner: W,
    schema: &'a Schema,
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A longer buffer is given back after the line.
const MAX_KEPT: usize = 64 << 10;

impl<W: Write> Write for SchemaLine<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A writer that logs comes here again while the buffer is in use, as does a thread that is ending.
        let mut buffer =
            BUFFER.try_with(|buffer| std::mem::take(&mut *buffer.borrow_mut())).unwrap_or_default();
        buffer.clear();
        let is_ours = std::str::from_utf8(line).is_ok_and(|line| self.schema.render(line, &mut buffer));
        let mut mid_line = false;
        let written = write_line(&mut self.inner, if is_ours { &buffer } else { line }, &mut mid_line);
        buffer.shrink_to(MAX_KEPT);
        let _ = BUFFER.try_with(|kept| *kept.borrow_mut() = buffer);
        match written {
            Ok(()) => Ok(line.len()),
            Err(Stopped { error, .. }) => Err(if mid_line { partial(error) } else { error }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Appends `line` in the words of `schema`, or unchanged.
pub(crate) fn render(schema: &Schema, line: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if !std::str::from_utf8(line).is_ok_and(|line| schema.render(line, out)) {
        out.truncate(start);
        out.extend_from_slice(line);
    }
}
