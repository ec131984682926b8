//! `Queue`: the settings of a queue.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;

use crate::config::InitError;
use crate::encode::own_record;
use crate::sink::guard::FlushGuard;
use crate::sink::losses::LossCounters;
use crate::sink::queue::queued_writer::QueuedWriter;
use crate::sink::queue::shared::QueueHandle;

/// The settings of a queue: lines wait in memory, and a thread of their own writes them. Logging a line then copies it, and
/// does not wait for the disk or for a slow reader.
///
/// A queue is bounded. While it is full, [`WhenFull`] decides which lines are lost; each is counted, and a WARN line says how
/// many there were. A line reaches the writer within about a millisecond, and at once if the queue is half full.
///
/// ```no_run
/// use std::time::Duration;
///
/// use buttress_log::{Config, Queue, Sink, WhenFull};
///
/// let queue = Queue::new().max_bytes(4 << 20).when_full(WhenFull::Block { at_most: Duration::from_millis(50) });
/// let _guard = Config::from_env().sink(Sink::stdout().queue(queue)).init()?;
/// # Ok::<_, buttress_log::InitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "these are settings: pass them to `Sink::queue` or call `writer`"]
pub struct Queue {
    pub(super) max_lines: usize,
    pub(super) max_bytes: usize,
    pub(super) when_full: WhenFull,
}

/// What happens to a line for which a queue has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The program never waits. The least severe lines are dropped, of those the newest: a line is never dropped while dropping
    /// less severe ones would make room for it.
    #[default]
    DropNewest,
    /// The thread that logs waits for room, but no longer than `at_most` for one line. After that as
    /// [`DropNewest`](Self::DropNewest).
    Block {
        /// The longest wait for one line.
        at_most: Duration,
    },
}

impl Queue {
    /// The lowest accepted `max_bytes`: 4 KiB.
    pub const MIN_BYTES: usize = 4 << 10;

    /// Creates the default settings: at most 65 536 lines and 16 MiB, [`WhenFull::DropNewest`].
    pub const fn new() -> Self {
        Self { max_lines: 1 << 16, max_bytes: 16 << 20, when_full: WhenFull::DropNewest }
    }

    /// Sets how many lines may wait, at least 1. As many may be on their way to the writer meanwhile.
    pub const fn max_lines(mut self, lines: usize) -> Self {
        self.max_lines = lines;
        self
    }

    /// Sets how many bytes may wait, at least [`MIN_BYTES`](Self::MIN_BYTES) and at most 1 GiB. As many may be on their way to
    /// the writer meanwhile. A line that is longer is dropped.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets what happens while the queue is full.
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Starts the thread of a queue in front of `writer`, for a [`JsonLayer`](crate::JsonLayer) that is used without
    /// [`Config`](crate::Config). Dropping the guard writes the lines that wait, for at most five seconds; later lines are
    /// written directly.
    ///
    /// ```
    /// use buttress_log::{JsonLayer, Queue};
    /// use tracing_subscriber::prelude::*;
    ///
    /// let (writer, _guard) = Queue::new().writer(std::io::sink())?;
    /// let subscriber = tracing_subscriber::registry().with(JsonLayer::new(writer));
    /// tracing::subscriber::with_default(subscriber, || tracing::info!("queued"));
    /// # Ok::<_, buttress_log::InitError>(())
    /// ```
    ///
    /// # Errors
    /// [`InitError`] if a setting is out of its range, or the thread cannot be started.
    pub fn writer(
        self,
        writer: impl Write + Send + 'static,
    ) -> Result<(QueuedWriter, FlushGuard), InitError> {
        let losses = Arc::new(LossCounters::default());
        let handle = QueueHandle::start(
            self,
            "queue".into(),
            Box::new(writer),
            Arc::clone(&losses),
            Box::new(own_record::write_losses),
        )?;
        let guard = FlushGuard::of_queue("queue", handle.clone(), losses);
        Ok((QueuedWriter::new(handle), guard))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.max_lines == 0 {
            return Err(ConfigError::new("max_lines", "at least 1", self.max_lines));
        }
        if !(Self::MIN_BYTES..=1 << 30).contains(&self.max_bytes) {
            return Err(ConfigError::new("max_bytes", "between 4 KiB and 1 GiB", self.max_bytes));
        }
        Ok(())
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::new()
    }
}
