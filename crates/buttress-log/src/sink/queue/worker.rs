//! `Worker`: the thread that writes the lines of a queue.

use std::io::ErrorKind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::sink::failure::SinkFailure;
use crate::sink::losses::{LossReport, REPORT_INTERVAL};
use crate::sink::queue::backlog::Backlog;
use crate::sink::queue::shared::{BoxedWriter, EncodeLosses, Shared};
use crate::sink::write::{Stopped, write_line};
use crate::unwind;

pub(super) struct Worker {
    shared: Arc<Shared>,
    writer: BoxedWriter,
    encode: EncodeLosses,
    /// The lines that are being written.
    lines: Backlog,
    /// Whether the output ends in the middle of a line.
    mid_line: bool,
    report: LossReport,
    failure: SinkFailure,
    started: Instant,
    /// The record about losses.
    record: Vec<u8>,
}

/// How long one line may wait for a writer that would block, such as a pipe with a slow reader.
const PATIENCE: Duration = Duration::from_secs(1);

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        name: Arc<str>,
        writer: BoxedWriter,
        encode: EncodeLosses,
    ) -> Self {
        Self {
            shared,
            writer,
            encode,
            lines: Backlog::default(),
            mid_line: false,
            report: LossReport::default(),
            failure: SinkFailure::new(name),
            started: Instant::now(),
            record: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        self.shared.begin();
        loop {
            // Losses are mentioned in time, also if no line follows.
            let at_most = self.report.is_behind(&self.shared.losses).then_some(REPORT_INTERVAL);
            let work = self.shared.next_work(&mut self.lines, at_most);
            self.write_lines();
            self.failure.report();
            let flushes = self.shared.must_flush(&work);
            self.mention_losses(flushes || work.last);
            if flushes || work.last {
                self.flush();
            }
            self.shared.ended(&work, flushes);
            self.lines.clear(self.shared.max_bytes());
            if work.last {
                match self.shared.try_end(self.writer, self.mid_line) {
                    Ok(()) => return,
                    Err(writer) => self.writer = writer,
                }
            }
        }
    }

    fn write_lines(&mut self) {
        // Taken out, as the writer needs the rest.
        let lines = std::mem::take(&mut self.lines);
        for (text, lengths) in lines.runs() {
            self.write_run(text, lengths);
        }
        self.lines = lines;
    }

    /// Writes lines with as few calls as the writer allows. A line that it refuses or takes in part is counted, and the next one
    /// begins on a new line.
    fn write_run(&mut self, text: &[u8], lengths: impl Iterator<Item = usize>) {
        let mut lengths = lengths.peekable();
        let mut at = 0;
        while at < text.len() {
            let was_mid_line = self.mid_line;
            let written = self.write(&text[at..]);
            let mut end = at;
            while let Some(len) = lengths.next_if(|len| end + len <= at + written.bytes) {
                end += len;
                self.shared.losses.add_written(1);
            }
            if end == text.len() {
                return;
            }
            if written.panicked {
                // How far it came is unknown, and a line must not be written twice.
                return self.shared.losses.add_writer_panics(lengths.count() as u64);
            }
            if at + written.bytes > end || self.mid_line && !was_mid_line {
                self.shared.losses.add_torn_line();
            } else {
                self.shared.losses.add_write_error();
            }
            at = end + lengths.next().unwrap_or(text.len() - end);
        }
    }

    /// Writes `text` on a line of its own, and waits a while for a writer that would block.
    fn write(&mut self, text: &[u8]) -> Written {
        let mut bytes = 0;
        let (mut waited, mut wait) = (Duration::ZERO, Duration::from_millis(1));
        loop {
            let (writer, mid_line) = (&mut *self.writer.0, &mut self.mid_line);
            // A line that was interrupted goes on where it stopped.
            let goes_on = bytes > 0 && *mid_line;
            let attempt = unwind::catch(|| {
                if *mid_line && !goes_on {
                    write_line(writer, b"\n", mid_line)
                        .map_err(|stopped| Stopped { written: 0, ..stopped })?;
                }
                write_line(writer, &text[bytes..], mid_line)
            });
            match attempt {
                Some(Ok(())) => return Written { bytes: text.len(), panicked: false },
                Some(Err(stopped)) => {
                    if stopped.written > 0 {
                        waited = Duration::ZERO;
                    }
                    bytes += stopped.written;
                    if stopped.error.kind() != ErrorKind::WouldBlock || waited >= PATIENCE {
                        self.failure.record(stopped.error);
                        return Written { bytes, panicked: false };
                    }
                    thread::sleep(wait);
                    waited += wait;
                    wait = (wait * 2).min(Duration::from_millis(50));
                }
                None => return Written { bytes, panicked: true },
            }
        }
    }

    fn mention_losses(&mut self, at_once: bool) {
        let now = self.started.elapsed();
        if let Some(lost) = self.report.due(&self.shared.losses, now, at_once) {
            self.record.clear();
            (self.encode)(&mut self.record, &lost);
            let record = std::mem::take(&mut self.record);
            // The record is no line of the program: it is not counted, and a later one says the same.
            if self.write(&record).bytes < record.len() {
                self.report.take_back(&lost);
            }
            self.record = record;
        }
    }

    fn flush(&mut self) {
        match unwind::catch(|| self.writer.0.flush()) {
            Some(Ok(())) => {}
            Some(Err(_)) => self.shared.losses.add_write_error(),
            None => self.shared.losses.add_writer_panic(),
        }
    }
}

/// How far a write came.
struct Written {
    bytes: usize,
    panicked: bool,
}
