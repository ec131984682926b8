//! `Human`: a writer that makes lines for people.

use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::human::render::render;
use crate::sink::write::{Stopped, partial, write_line};

/// A writer that turns the lines of a [`JsonLayer`](crate::JsonLayer) into text for people, and passes it to another writer.
///
/// Redaction, limits and escapes are those of the JSON line.
///
/// ```text
/// 03:00:12.345 ERROR payment failed customer=17 amount=4999 shop::pay
///     gateway did not answer (timeout, retry call, 3 attempts)
///     caused by: connection reset by peer (os error 104)
///     note: while renewing subscription 42
///     at: src/pay.rs:88
/// ```
///
/// ```
/// use buttress_log::{Human, JsonLayer};
///
/// let layer = JsonLayer::new(Human::new(std::io::stderr));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct Human<W> {
    writer: W,
    colored: bool,
}

impl<W> Human<W> {
    /// Passes lines without color to `writer`.
    pub const fn new(writer: W) -> Self {
        Self { writer, colored: false }
    }

    /// Colors the lines with ANSI escape sequences.
    #[must_use]
    pub const fn colored(mut self) -> Self {
        self.colored = true;
        self
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Human<W> {
    type Writer = HumanWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        HumanWriter { inner: self.writer.make_writer(), colored: self.colored }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        HumanWriter { inner: self.writer.make_writer_for(metadata), colored: self.colored }
    }
}

/// The writer that [`Human`] makes. Expects a whole line in each `write`. Other text passes through unchanged.
#[derive(Debug)]
pub struct HumanWriter<W> {
    inner: W,
    colored: bool,
}

impl<W: Write> Write for HumanWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let human = std::str::from_utf8(line).ok().and_then(|line| render(line, self.colored));
        let text = human.as_deref().map_or(line, str::as_bytes);
        let mut mid_line = false;
        match write_line(&mut self.inner, text, &mut mid_line) {
            Ok(()) => Ok(line.len()),
            Err(Stopped { error, .. }) => Err(if mid_line { partial(error) } else { error }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_text_passes_unchanged() {
        let mut out = Vec::new();
        let mut writer = HumanWriter { inner: &mut out, colored: true };
        writer.write_all(b"not json\n").unwrap();
        writer.write_all(b"\xff{}\n").unwrap();
        writer.write_all(b"{\"timestamp\":\"1\"}\n").unwrap();
        assert_eq!(out, b"not json\n\xff{}\n{\"timestamp\":\"1\"}\n");
    }
}
