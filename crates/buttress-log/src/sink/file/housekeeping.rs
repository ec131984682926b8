//! What follows a rotation, off the thread that writes: compressing and deleting.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io, thread};

use crate::sink::file::backup::{Backup, BackupNames, COMPRESSED, UNFINISHED};
use crate::sink::file::retention::Retention;

/// One at a time works on the files of a log.
#[derive(Clone, Debug)]
pub(super) struct Housekeeping(Arc<Settings>);

#[derive(Debug)]
struct Settings {
    names: BackupNames,
    retention: Retention,
    compresses: bool,
    busy: Mutex<()>,
}

impl Housekeeping {
    pub(super) fn new(names: BackupNames, retention: Retention, compresses: bool) -> Self {
        Self(Arc::new(Settings { names, retention, compresses, busy: Mutex::new(()) }))
    }

    pub(super) fn names(&self) -> &BackupNames {
        &self.0.names
    }

    /// Begins in a thread of its own. Without one, the files stay as they are until the next rotation.
    pub(super) fn begin(&self) {
        let this = self.clone();
        let thread = thread::Builder::new().name("buttress-log-files".to_owned());
        let _ = thread.spawn(move || this.run());
    }

    /// Files that cannot be compressed or deleted stay as they are until the next rotation.
    fn run(&self) {
        let Settings { names, retention, compresses, busy } = &*self.0;
        let _busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(backups) = backups(names) else { return };
        for backup in retention.surplus(backups) {
            let _ = fs::remove_file(&backup.path);
        }
        if *compresses && let Ok(backups) = self::backups(names) {
            for backup in backups.iter().filter(|backup| !backup.is_compressed) {
                let _ = compress(backup);
            }
        }
    }
}

/// Returns the rotated files, and deletes what a crash has left half compressed.
fn backups(names: &BackupNames) -> io::Result<Vec<Backup>> {
    let mut backups = Vec::new();
    for entry in fs::read_dir(names.directory())? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((stamp, ending)) = name.to_str().and_then(|name| names.parse(name)) else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_file() {
            continue;
        }
        if ending == UNFINISHED {
            let _ = fs::remove_file(entry.path());
            continue;
        }
        backups.push(Backup {
            path: entry.path(),
            stamp: stamp.to_owned(),
            bytes: metadata.len(),
            is_compressed: ending == COMPRESSED,
        });
    }
    Ok(backups)
}

/// Compresses a file. The compressed one has its name only once it is whole.
#[cfg(feature = "gzip")]
fn compress(backup: &Backup) -> io::Result<()> {
    let (unfinished, finished) =
        (with_ending(&backup.path, UNFINISHED), with_ending(&backup.path, COMPRESSED));
    let written = (|| {
        let out = fs::File::create(&unfinished)?;
        let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
        io::copy(&mut fs::File::open(&backup.path)?, &mut encoder)?;
        encoder.finish()?.sync_all()?;
        fs::rename(&unfinished, &finished)
    })();
    match written {
        Ok(()) => fs::remove_file(&backup.path),
        Err(error) => {
            let _ = fs::remove_file(&unfinished);
            Err(error)
        }
    }
}

#[cfg(feature = "gzip")]
fn with_ending(path: &Path, ending: &str) -> std::path::PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Without the feature nothing asks for it.
#[cfg(not(feature = "gzip"))]
fn compress(backup: &Backup) -> io::Result<()> {
    let _: &Path = &backup.path;
    Ok(())
}
