//! `QueuedWriter`: puts lines into a queue.

use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::sink::queue::shared::QueueHandle;
use crate::sink::severity::Severity;

/// Puts each line into a [queue](crate::Queue), and does not wait for it to be written.
#[derive(Clone, Debug)]
pub struct QueuedWriter(QueueHandle);

impl QueuedWriter {
    pub(crate) const fn new(queue: QueueHandle) -> Self {
        Self(queue)
    }
}

impl<'a> MakeWriter<'a> for QueuedWriter {
    type Writer = QueuedLine<'a>;

    /// The line counts as ERROR.
    fn make_writer(&'a self) -> QueuedLine<'a> {
        QueuedLine { queue: &self.0, severity: Severity::Error }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> QueuedLine<'a> {
        QueuedLine { queue: &self.0, severity: (*metadata.level()).into() }
    }
}

/// The writer of one line. Expects the whole line in one `write`.
#[derive(Debug)]
pub struct QueuedLine<'a> {
    queue: &'a QueueHandle,
    severity: Severity,
}

impl Write for QueuedLine<'_> {
    /// Never fails: a line that is lost is counted.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(line, self.severity);
        Ok(line.len())
    }

    /// Does nothing. [`FlushGuard::flush`](crate::FlushGuard::flush) waits for the lines.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
