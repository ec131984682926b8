//! `FileWriter`: writes lines into a file, and rotates it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::encode::timestamp;
use crate::sink::file::backup::BackupNames;
use crate::sink::file::housekeeping::Housekeeping;
use crate::sink::file::rolling_file::{FileHandle, RollingFile};

/// An open log file; see [`RollingFile`].
///
/// A line is never in two files. A `write` of several lines may take those alone that fit into the file.
#[derive(Debug)]
pub struct FileWriter {
    settings: RollingFile,
    /// The path with symbolic links followed, so that a rotation moves the file and not the link.
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Whether the file ends in the middle of a line, which then goes on there.
    mid_line: bool,
    /// When the period ends, in seconds since 1970.
    period_end: Option<u64>,
    /// The second of the last look at the directory, and of the last rotation that failed.
    checked: u64,
    failed: Option<u64>,
    housekeeping: Housekeeping,
    handle: FileHandle,
}

impl FileWriter {
    pub(super) fn open(settings: RollingFile) -> io::Result<Self> {
        let (file, path) = open(&settings.path)?;
        let metadata = file.metadata()?;
        let now = seconds(SystemTime::now());
        let housekeeping = settings.housekeeping(BackupNames::new(&path));
        // What an earlier process has left is part of its period.
        let began = metadata.modified().map_or(now, seconds);
        let period_start = if metadata.len() > 0 { began.min(now) } else { now };
        let writer = Self {
            period_end: settings.period.map(|period| period.end(period_start, settings.zone)),
            handle: settings.handle(),
            settings,
            path,
            file,
            bytes: metadata.len(),
            mid_line: false,
            checked: now,
            failed: None,
            housekeeping,
        };
        writer.housekeeping.begin();
        Ok(writer)
    }

    fn write_at(&mut self, bytes: &[u8], now: SystemTime) -> io::Result<usize> {
        let second = seconds(now);
        if !self.mid_line {
            self.follow(second);
            self.rotate_if_due(bytes, now, second);
        }
        let taken = self.file.write(&bytes[..self.fitting(bytes)])?;
        self.bytes += taken as u64;
        self.mid_line = taken > 0 && bytes[taken - 1] != b'\n' || taken == 0 && self.mid_line;
        Ok(taken)
    }

    /// Opens the file again if it has another name now, or was asked to.
    fn follow(&mut self, second: u64) {
        let was_asked = self.handle.take_reopen();
        if !was_asked && second == self.checked {
            return;
        }
        self.checked = second;
        if (was_asked || !is_same_file(&self.file, &self.path)) && self.reopen().is_err() {
            self.handle.add_failed_rotation();
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let (file, path) = open(&self.settings.path)?;
        self.bytes = file.metadata()?.len();
        (self.file, self.path) = (file, path);
        Ok(())
    }

    /// Rotates before a line that would make the file too long, or that is the first one of a new period.
    fn rotate_if_due(&mut self, bytes: &[u8], now: SystemTime, second: u64) {
        let line = first_line(bytes) as u64;
        let is_full = self
            .settings
            .max_bytes
            .is_some_and(|max| self.bytes > 0 && self.bytes.saturating_add(line) > max);
        let is_over = self.period_end.is_some_and(|end| second >= end);
        // A rotation that has failed is tried again after a second.
        if !(is_full || is_over) || self.failed.is_some_and(|failed| second <= failed) {
            return;
        }
        // An empty file is not rotated.
        let rotated = if self.bytes > 0 { self.rotate(now) } else { Ok(()) };
        match rotated {
            Ok(()) => {
                self.failed = None;
                self.period_end = self.settings.period.map(|period| period.end(second, self.settings.zone));
            }
            Err(_) => {
                self.failed = Some(second);
                self.handle.add_failed_rotation();
            }
        }
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let backup = self.housekeeping.names().unused(&timestamp::to_seconds(now));
        fs::rename(&self.path, &backup)?;
        match open(&self.path) {
            Ok((file, _)) => {
                (self.file, self.bytes) = (file, 0);
                self.housekeeping.begin();
                Ok(())
            }
            Err(error) => {
                // The file in use gets its name back.
                fs::rename(&backup, &self.path)?;
                Err(error)
            }
        }
    }

    /// Returns how many bytes go into this file: the rest of a line that has begun, or whole lines as long as they fit, and one in
    /// any case.
    fn fitting(&self, bytes: &[u8]) -> usize {
        let Some(max) = self.settings.max_bytes else { return bytes.len() };
        let first = first_line(bytes);
        if self.mid_line || self.failed.is_some() {
            return first;
        }
        let room = usize::try_from(max.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let mut end = first;
        while end < bytes.len() {
            let next = end + first_line(&bytes[end..]);
            if next > room {
                break;
            }
            end = next;
        }
        end
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_at(bytes, SystemTime::now())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a file for appending. Returns its path with symbolic links followed.
fn open(path: &Path) -> io::Result<(File, PathBuf)> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    Ok((file, fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())))
}

/// Returns the length of the first line, with the indented lines that belong to it, or of all of `bytes`.
fn first_line(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(newline) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += newline + 1;
        if bytes.get(at) != Some(&b' ') {
            return at;
        }
    }
    bytes.len()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Returns `false` if another file has the path now, or none.
#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => false,
        // A directory that cannot be read says nothing.
        _ => true,
    }
}

/// Other platforms do not let an open file be moved or deleted.
#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    /// The first line after midnight is in a new file; a clock that goes back, and a quiet day, rotate nothing.
    #[test]
    fn a_file_rotates_with_the_first_line_of_a_day() {
        let directory = std::env::temp_dir().join(format!("buttress-daily-{}", std::process::id()));
        let path = directory.join("app.log");
        let mut file = RollingFile::new(&path).daily().open().unwrap();
        let midnight = file.period_end.unwrap();
        let texts = || {
            let mut paths: Vec<_> =
                fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            paths.into_iter().map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>()
        };
        for (second, line) in [
            (midnight - 1, "today\n"),
            (midnight, "tomorrow\n"),
            (midnight - 3_600, "the clock goes back\n"),
            (midnight + 86_399, "still tomorrow\n"),
            (midnight + 5 * 86_400 + 7, "days later\n"),
        ] {
            assert_eq!(file.write_at(line.as_bytes(), at(second)).unwrap(), line.len());
        }
        let expected = ["today\n", "tomorrow\nthe clock goes back\nstill tomorrow\n", "days later\n"];
        assert_eq!(texts(), expected);
        assert_eq!(file.period_end, Some(midnight + 6 * 86_400));
        // Without a line in the old file there is nothing to rotate.
        drop(file);
        fs::remove_dir_all(&directory).unwrap();
        let mut file = RollingFile::new(&path).daily().open().unwrap();
        let midnight = file.period_end.unwrap();
        file.write_at(b"first\n", at(midnight + 1)).unwrap();
        assert_eq!(texts(), ["first\n"]);
        fs::remove_dir_all(&directory).unwrap();
    }
}
