//! Writing all of some bytes, and knowing afterwards whether the output ends in the middle of a line.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::{fmt, mem};

/// How often in a row a write may be interrupted, so that a writer that makes no progress does not hang the program.
const MAX_INTERRUPTIONS: usize = 1_000;

/// Writes all of `bytes`, as `write_all` does.
///
/// Sets `mid_line` to whether the output now ends in the middle of a line. It is set after a panic of the writer too, because
/// the writer may have taken a part.
pub(crate) fn write_line(
    writer: &mut (impl Write + ?Sized),
    bytes: &[u8],
    mid_line: &mut bool,
) -> Result<(), Stopped> {
    let before = mem::replace(mid_line, true);
    let (mut written, mut interruptions) = (0, 0);
    while written < bytes.len() {
        let error = match writer.write(&bytes[written..]) {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(more) => {
                written = bytes.len().min(written.saturating_add(more));
                interruptions = 0;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                interruptions += 1;
                if interruptions < MAX_INTERRUPTIONS {
                    continue;
                }
                io::Error::other("interrupted too often")
            }
            Err(error) => error,
        };
        let ends_mid_line = bytes[..written].last().map_or(before, |last| *last != b'\n');
        *mid_line = ends_mid_line || is_partial(&error);
        return Err(Stopped { written, error });
    }
    *mid_line = false;
    Ok(())
}

/// A write that ended early.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The number of bytes that the writer took before.
    pub(crate) written: usize,
    pub(crate) error: io::Error,
}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

/// Marks the error of a writer that has passed a part of its input on to another writer.
pub(crate) fn partial(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), PartialWrite(error))
}

fn is_partial(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<PartialWrite>())
}

/// See [`partial`].
#[derive(Debug)]
struct PartialWrite(io::Error);

impl fmt::Display for PartialWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only a part of the line was written")
    }
}

impl Error for PartialWrite {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
