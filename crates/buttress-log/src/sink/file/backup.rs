//! `Backup`: a file that was rotated, and its name.

use std::path::{Path, PathBuf};

/// The names of the files that were rotated out of `app.log`: `app-2026-01-15T03-00-12.log`, and `.gz` behind it once it is
/// compressed. The second of two in one second is `app-2026-01-15T03-00-12_001.log`.
#[derive(Clone, Debug)]
pub(super) struct BackupNames {
    directory: PathBuf,
    stem: String,
    /// With its dot, or empty.
    extension: String,
}

/// A file that was rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backup {
    pub(super) path: PathBuf,
    /// When it was rotated: the second, and a number if it was not the first in that second.
    pub(super) stamp: String,
    pub(super) bytes: u64,
    pub(super) is_compressed: bool,
}

pub(super) const COMPRESSED: &str = ".gz";
/// A file that is being compressed.
pub(super) const UNFINISHED: &str = ".gz.tmp";

impl BackupNames {
    pub(super) fn new(current: &Path) -> Self {
        let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let extension =
            text(current.extension()).map_or_else(String::new, |extension| format!(".{extension}"));
        let directory = current.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self {
            directory: directory.unwrap_or_else(|| Path::new(".")).to_owned(),
            stem: text(current.file_stem()).unwrap_or_default(),
            extension,
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns a name that no file has, for a time such as `2026-01-15T03:00:12`.
    pub(super) fn unused(&self, seconds: &str) -> PathBuf {
        let seconds = seconds.replace(':', "-");
        let mut stamp = seconds.clone();
        for number in 1.. {
            let path = self.directory.join(format!("{}-{stamp}{}", self.stem, self.extension));
            let mut compressed = path.clone().into_os_string();
            compressed.push(COMPRESSED);
            if !path.exists() && !Path::new(&compressed).exists() {
                return path;
            }
            stamp = format!("{seconds}_{number:03}");
        }
        unreachable!("there are fewer files than numbers")
    }

    /// Returns the stamp of a file that has such a name, and what follows the extension; none for any other file.
    pub(super) fn parse<'n>(&self, name: &'n str) -> Option<(&'n str, &'n str)> {
        let rest = name.strip_prefix(&*self.stem)?.strip_prefix('-')?;
        let end = stamp_len(rest)?;
        let (stamp, rest) = rest.split_at(end);
        let rest = rest.strip_prefix(&*self.extension)?;
        matches!(rest, "" | COMPRESSED | UNFINISHED).then_some((stamp, rest))
    }
}

impl Backup {
    /// The stamp without the number of a second rotation in one second.
    pub(super) fn second(&self) -> &str {
        self.stamp.split('_').next().unwrap_or_default()
    }
}

/// Returns the length of a stamp at the beginning of `text`.
fn stamp_len(text: &str) -> Option<usize> {
    const FORM: &[u8] = b"0000-00-00T00-00-00";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let bytes = text.as_bytes();
    if bytes.len() < FORM.len() || !bytes.iter().zip(FORM).all(fits) {
        return None;
    }
    let number = bytes[FORM.len()..]
        .strip_prefix(b"_")
        .map(|rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
    Some(FORM.len() + number.filter(|digits| *digits >= 3).map_or(0, |digits| digits + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only names that a rotation makes are taken for its files.
    #[test]
    fn foreign_names_are_left_alone() {
        let names = BackupNames::new(Path::new("logs/app.log"));
        assert_eq!(names.directory(), Path::new("logs"));
        for (name, expected) in [
            ("app-2026-01-15T03-00-12.log", Some(("2026-01-15T03-00-12", ""))),
            ("app-2026-01-15T03-00-12.log.gz", Some(("2026-01-15T03-00-12", ".gz"))),
            ("app-2026-01-15T03-00-12.log.gz.tmp", Some(("2026-01-15T03-00-12", ".gz.tmp"))),
            ("app-2026-01-15T03-00-12_001.log", Some(("2026-01-15T03-00-12_001", ""))),
            ("app.log", None),
            ("app-server-2026-01-15T03-00-12.log", None),
            ("app-2026-01-15T03-00-12.log.bak", None),
            ("app-2026-01-15T03-00-12.txt", None),
            ("app-2026-01-15.log", None),
            ("app-2026-01-15T03-00-12_1.log", None),
            ("app-2026-01-15T03-00-12", None),
            ("apple-2026-01-15T03-00-12.log", None),
            ("xapp-2026-01-15T03-00-12.log", None),
        ] {
            assert_eq!(names.parse(name), expected, "{name}");
        }
        let bare = BackupNames::new(Path::new("app"));
        assert_eq!(bare.directory(), Path::new("."));
        assert_eq!(bare.parse("app-2026-01-15T03-00-12"), Some(("2026-01-15T03-00-12", "")));
    }
}
