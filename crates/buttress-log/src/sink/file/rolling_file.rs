//! `RollingFile`: the settings of a log file that rotates.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::InitError;
use crate::sink::file::backup::BackupNames;
use crate::sink::file::housekeeping::Housekeeping;
use crate::sink::file::period::{Period, Zone};
use crate::sink::file::retention::Retention;
use crate::sink::file::writer::FileWriter;

/// The settings of a log file that rotates: by size, by time, or by both. Without settings it grows.
///
/// The current file keeps its name. A rotated one gets the time of the rotation, in UTC: `app.log` becomes
/// `app-2026-01-15T03-00-12.log`. Only files with such names are ever deleted or compressed, in a thread of their own.
///
/// A file that was moved or deleted by others, such as logrotate, is opened again with the first line of the next second, or
/// at once with [`FileHandle::reopen`]. (Only Unix notices that another file has the name.) If a rotation fails, no line is
/// lost: the current file grows until it succeeds. A torn line that an earlier process has left at the end of the file is
/// ended before the first line. New files have the permissions of the file they replace. Devices never rotate.
///
/// Each process needs a file of its own: two that rotate one file move and delete each other's.
///
/// ```no_run
/// use buttress_log::{Config, Queue, RollingFile, Sink};
///
/// let file = RollingFile::new("logs/app.log").daily().max_bytes(100 << 20).keep_files(14).keep_bytes(1 << 30);
/// let _guard = Config::from_env().sink(Sink::file(file).queue(Queue::new())).init()?;
/// # Ok::<_, buttress_log::InitError>(())
/// ```
///
/// The names and rules are those of lumberjack (<https://github.com/natefinch/lumberjack>) and `tracing-appender`.
#[derive(Clone, Debug)]
#[must_use = "these are settings: pass them to `Sink::file` or call `open`"]
pub struct RollingFile {
    pub(super) path: PathBuf,
    pub(super) max_bytes: Option<u64>,
    pub(super) period: Option<Period>,
    pub(super) zone: Zone,
    retention: Retention,
    compresses: bool,
    handle: FileHandle,
}

impl RollingFile {
    /// Creates settings for the file at `path`. It is created if it is missing, and so are its directories.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: None,
            period: None,
            zone: Zone::Utc,
            retention: Retention::default(),
            compresses: false,
            handle: FileHandle::default(),
        }
    }

    /// Rotates before the file would become longer than `bytes`. Only a single line that is longer makes it so.
    pub fn max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: Some(bytes), ..self }
    }

    /// Rotates at each full hour, with the first line after it.
    pub fn hourly(self) -> Self {
        Self { period: Some(Period::Hour), ..self }
    }

    /// Rotates at each midnight, UTC, with the first line after it.
    pub fn daily(self) -> Self {
        Self { period: Some(Period::Day), ..self }
    }

    /// Rotates by the clock of the system's time zone instead of UTC. The names stay in UTC.
    #[cfg(feature = "local-time")]
    #[cfg_attr(docsrs, doc(cfg(feature = "local-time")))]
    pub fn local_time(self) -> Self {
        Self { zone: Zone::Local, ..self }
    }

    /// Keeps at most `files` rotated files, and deletes the oldest. Default: all.
    pub fn keep_files(mut self, files: usize) -> Self {
        self.retention.files = Some(files);
        self
    }

    /// Keeps rotated files of at most `bytes` together, and deletes the oldest. Default: all.
    pub fn keep_bytes(mut self, bytes: u64) -> Self {
        self.retention.bytes = Some(bytes);
        self
    }

    /// Compresses rotated files.
    #[cfg(feature = "gzip")]
    #[cfg_attr(docsrs, doc(cfg(feature = "gzip")))]
    pub fn gzip(self) -> Self {
        Self { compresses: true, ..self }
    }

    /// Returns a handle to the file that is going to be opened.
    #[must_use]
    pub fn handle(&self) -> FileHandle {
        self.handle.clone()
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`InitError`], with the path and the cause, if the file cannot be opened or created.
    pub fn open(self) -> Result<FileWriter, InitError> {
        let name = self.path.display().to_string();
        FileWriter::open(self).map_err(|error| InitError::sink(name.into(), error))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn housekeeping(&self, names: BackupNames) -> Housekeeping {
        Housekeeping::new(names, self.retention, self.compresses)
    }
}

impl<P: Into<PathBuf>> From<P> for RollingFile {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// A handle to a log file that is in use. Clones are handles to the same file.
#[derive(Clone, Debug, Default)]
pub struct FileHandle(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    reopens: AtomicU64,
    failed_rotations: AtomicU64,
}

impl FileHandle {
    /// Opens the file again, by its name, with the next line: for a program that gets SIGHUP after others have moved the file.
    pub fn reopen(&self) {
        self.0.reopens.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many rotations have failed so far. Each is tried again after a second.
    #[must_use]
    pub fn failed_rotations(&self) -> u64 {
        self.0.failed_rotations.load(Ordering::Relaxed)
    }

    /// Returns how often [`reopen`](Self::reopen) was called.
    pub(super) fn reopens(&self) -> u64 {
        self.0.reopens.load(Ordering::Relaxed)
    }

    pub(super) fn add_failed_rotation(&self) {
        self.0.failed_rotations.fetch_add(1, Ordering::Relaxed);
    }
}
