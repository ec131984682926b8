//! `CurrentFile`: the file that has the name of the log at the moment.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An open file, and what a rotation needs to know about it.
#[derive(Debug)]
pub(super) struct CurrentFile {
    file: File,
    /// The path with symbolic links followed, so that a rotation moves the file and not the link.
    path: PathBuf,
    bytes: u64,
    /// Whether the file ends in the middle of a line, which then goes on there.
    mid_line: bool,
    /// Whether the file ends in the middle of a line that will not go on: an earlier process was killed, or its disk was full.
    has_torn_end: bool,
    /// Not a pipe, a terminal or another device.
    is_regular: bool,
}

impl CurrentFile {
    /// Opens a file for appending, and creates it if it is missing, and its directories too.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            file,
            path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            bytes: metadata.len(),
            mid_line: false,
            has_torn_end: metadata.is_file() && metadata.len() > 0 && ends_mid_line(path),
            is_regular: metadata.is_file(),
        })
    }

    /// Writes a part of `bytes`, as [`Write::write`] does. A torn line of an earlier process is ended before.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_torn_end {
            self.file.write_all(b"\n")?;
            self.has_torn_end = false;
            self.bytes += 1;
        }
        let taken = self.file.write(bytes)?;
        self.bytes += taken as u64;
        if let Some(last) = bytes[..taken].last() {
            self.mid_line = *last != b'\n';
        }
        Ok(taken)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn is_mid_line(&self) -> bool {
        self.mid_line
    }

    /// Returns `true` if the file may be moved: it is one, and not a device such as `/dev/stderr`.
    pub(super) const fn is_regular(&self) -> bool {
        self.is_regular
    }

    /// Returns when the file was last written to.
    pub(super) fn modified(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    pub(super) fn permissions(&self) -> io::Result<Permissions> {
        Ok(self.file.metadata()?.permissions())
    }

    pub(super) fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.file.set_permissions(permissions)
    }

    /// Returns `true` if another file has the path now, or none. Others may also have truncated the file: its length is read.
    pub(super) fn is_replaced(&mut self) -> bool {
        let Ok(metadata) = self.file.metadata() else { return false };
        self.bytes = metadata.len();
        !has_path(&metadata, &self.path)
    }
}

/// A file that cannot be read counts as whole.
fn ends_mid_line(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut last = [b'\n'];
        file.read_exact(&mut last)?;
        Ok::<_, io::Error>(last[0])
    };
    last().is_ok_and(|last| last != b'\n')
}

#[cfg(unix)]
fn has_path(open: &Metadata, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match fs::metadata(path) {
        Ok(named) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        // A directory that cannot be read says nothing.
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Other platforms do not tell files apart by a number: a file that was moved is noticed, one that was replaced is not.
#[cfg(not(unix))]
fn has_path(_: &Metadata, path: &Path) -> bool {
    path.exists()
}
