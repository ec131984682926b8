//! `FileWriter`: writes lines into a file, and rotates it.

use std::fs;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::encode::timestamp;
use crate::sink::file::backup::BackupNames;
use crate::sink::file::current::CurrentFile;
use crate::sink::file::housekeeping::Housekeeping;
use crate::sink::file::rolling_file::{FileHandle, RollingFile};

/// An open log file; see [`RollingFile`].
///
/// A line is never in two files. A `write` of several lines may take those alone that fit into the file.
#[derive(Debug)]
pub struct FileWriter {
    settings: RollingFile,
    current: CurrentFile,
    /// When the period ends, in seconds since 1970.
    period_end: Option<u64>,
    /// The second of the last check of the path, and of the last rotation that failed.
    checked: u64,
    failed: Option<u64>,
    /// How many of the handle's requests to reopen the file are done.
    reopened: u64,
    /// The line that has begun was left behind in a file that others have moved. Its end is not written here.
    left_behind: bool,
    housekeeping: Housekeeping,
    handle: FileHandle,
}

impl FileWriter {
    pub(super) fn open(settings: RollingFile) -> io::Result<Self> {
        let current = CurrentFile::open(&settings.path)?;
        let now = seconds(SystemTime::now());
        // What an earlier process has left is part of its period.
        let began = if current.bytes() > 0 { current.modified().map_or(now, seconds).min(now) } else { now };
        let writer = Self {
            period_end: settings.period.map(|period| period.end(began, settings.zone)),
            housekeeping: settings.housekeeping(BackupNames::new(current.path())),
            handle: settings.handle(),
            reopened: settings.handle().reopens(),
            checked: now,
            failed: None,
            left_behind: false,
            current,
            settings,
        };
        writer.housekeeping.begin();
        Ok(writer)
    }

    fn write_at(&mut self, bytes: &[u8], now: SystemTime) -> io::Result<usize> {
        let second = seconds(now);
        if !self.current.is_mid_line() {
            self.follow(second);
            self.rotate_if_due(first_line(bytes) as u64, now, second);
        }
        if std::mem::take(&mut self.left_behind) && bytes == b"\n" {
            return Ok(1);
        }
        let written = self.current.write(&bytes[..self.fitting(bytes)]);
        // The rest of a line needs the file that it began in. If that is full and others have moved it, it ends there.
        if written.is_err() && self.current.is_mid_line() && self.current.is_replaced() {
            self.left_behind = self.reopen().is_ok();
        }
        written
    }

    /// Opens the file again if another one has its path now, or if the handle has requested it. Checks that once a second.
    fn follow(&mut self, second: u64) {
        let requests = self.handle.reopens();
        if requests == self.reopened && second == self.checked {
            return;
        }
        if second != self.checked {
            self.correct_period_end(second);
        }
        self.checked = second;
        if self.current.is_replaced() || requests != self.reopened {
            self.reopened = requests;
            let _ = self.reopen();
        }
    }

    /// A clock that was far ahead for a while does not put off the next rotation.
    fn correct_period_end(&mut self, second: u64) {
        if let (Some(period), Some(end)) = (self.settings.period, self.period_end) {
            self.period_end = Some(period.corrected(end, second, self.settings.zone));
        }
    }

    /// If that fails, it is counted, and lines still go to the file that is open.
    fn reopen(&mut self) -> io::Result<()> {
        let current =
            CurrentFile::open(&self.settings.path).inspect_err(|_| self.handle.add_failed_rotation())?;
        // A symbolic link may lead elsewhere now.
        if current.path() != self.current.path() {
            self.housekeeping = self.settings.housekeeping(BackupNames::new(current.path()));
        }
        self.current = current;
        Ok(())
    }

    /// Rotates before a line of `len` bytes that would make the file too long, or that is the first one of a new period.
    fn rotate_if_due(&mut self, len: u64, now: SystemTime, second: u64) {
        // A rotation that has failed is tried again after a second.
        if !self.is_due(len, second) || self.failed == Some(second) {
            return;
        }
        // Others may have moved the file within the last second. What has its name now is theirs.
        if self.current.is_replaced() && (self.reopen().is_err() || !self.is_due(len, second)) {
            return;
        }
        // An empty file is not rotated.
        let rotated = if self.current.bytes() > 0 { self.rotate(now) } else { Ok(()) };
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

    fn is_due(&self, len: u64, second: u64) -> bool {
        let bytes = self.current.bytes();
        let is_full = self.settings.max_bytes.is_some_and(|max| bytes > 0 && bytes.saturating_add(len) > max);
        let is_over = self.period_end.is_some_and(|end| second >= end);
        self.current.is_regular() && (is_full || is_over)
    }

    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let path = self.current.path();
        let backup = self.housekeeping.names().unused(&timestamp::to_seconds(now));
        let permissions = self.current.permissions();
        fs::rename(path, &backup)?;
        match CurrentFile::open(path) {
            Ok(current) => {
                // As lumberjack does. Those of a file that we may not change stay the default.
                let _ = permissions.and_then(|permissions| current.set_permissions(permissions));
                self.current = current;
                self.housekeeping.begin();
                Ok(())
            }
            Err(error) => {
                // The file in use gets its name back.
                fs::rename(&backup, path)?;
                Err(error)
            }
        }
    }

    /// Returns how many bytes go into this file: the rest of a line that has begun, or whole lines as long as they fit, and one in
    /// any case.
    fn fitting(&self, bytes: &[u8]) -> usize {
        let Some(max) = self.settings.max_bytes else { return bytes.len() };
        let first = first_line(bytes);
        if self.current.is_mid_line() || self.failed.is_some() {
            return first;
        }
        let room = usize::try_from(max.saturating_sub(self.current.bytes())).unwrap_or(usize::MAX);
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
        self.current.flush()
    }
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

    /// A file that others have truncated is as short as it looks from the next second on.
    #[test]
    fn a_truncated_file_has_room() {
        let directory = std::env::temp_dir().join(format!("buttress-truncated-{}", std::process::id()));
        let path = directory.join("app.log");
        let mut file = RollingFile::new(&path).max_bytes(8).open().unwrap();
        let second = file.checked;
        file.write_at(b"before\n", at(second)).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        file.write_at(b"after\n", at(second + 1)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }

    /// Others have moved the file within the last second: what has its name now is theirs, and is not rotated in its place.
    #[test]
    fn the_file_of_others_is_not_rotated() {
        let directory = std::env::temp_dir().join(format!("buttress-others-{}", std::process::id()));
        let path = directory.join("app.log");
        let mut file = RollingFile::new(&path).max_bytes(8).open().unwrap();
        let second = file.checked;
        file.write_at(b"before\n", at(second)).unwrap();
        fs::rename(&path, directory.join("moved")).unwrap();
        fs::write(&path, "").unwrap();
        file.write_at(b"after\n", at(second)).unwrap();
        assert_eq!(fs::read_to_string(directory.join("moved")).unwrap(), "before\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
        fs::remove_dir_all(&directory).unwrap();
    }
}
