//! What follows a rotation, off the thread that writes: compressing and deleting.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io, thread};

use crate::sink::file::backup::{Backup, BackupNames, COMPRESSED, UNFINISHED};
use crate::sink::file::retention::Retention;
use crate::unwind;

/// Compresses and deletes the files of a log, in one thread at most.
#[derive(Clone, Debug)]
pub(super) struct Housekeeping(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    names: BackupNames,
    retention: Retention,
    compresses: bool,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Runs,
    /// Another rotation came meanwhile. However many they are, one more run is enough.
    RunsAgain,
}

impl Housekeeping {
    pub(super) fn new(names: BackupNames, retention: Retention, compresses: bool) -> Self {
        Self(Arc::new(Shared { names, retention, compresses, state: Mutex::default() }))
    }

    pub(super) fn names(&self) -> &BackupNames {
        &self.0.names
    }

    /// Begins in a thread of its own. Without one, the files stay as they are until the next rotation.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        if *state != State::Idle {
            *state = State::RunsAgain;
            return;
        }
        let this = self.clone();
        let thread = thread::Builder::new().name("buttress-log-files".to_owned());
        if thread.spawn(move || this.run()).is_ok() {
            *state = State::Runs;
        }
    }

    fn run(&self) {
        loop {
            // A panic must not look like a run that never ends.
            let _ = unwind::catch(|| self.work());
            let mut state = self.state();
            *state = if *state == State::RunsAgain { State::Runs } else { State::Idle };
            if *state == State::Idle {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files that cannot be compressed or deleted stay as they are until the next rotation.
    fn work(&self) {
        let Shared { names, retention, compresses, .. } = &*self.0;
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

/// Compresses a file. The compressed one has its name only once it is whole and on the disk. It has the permissions of the file.
#[cfg(feature = "gzip")]
fn compress(backup: &Backup) -> io::Result<()> {
    let (unfinished, finished) =
        (with_ending(&backup.path, UNFINISHED), with_ending(&backup.path, COMPRESSED));
    let written = (|| {
        let mut file = fs::File::open(&backup.path)?;
        let out = fs::File::create(&unfinished)?;
        out.set_permissions(file.metadata()?.permissions())?;
        let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
        io::copy(&mut file, &mut encoder)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rotations that come faster than files are compressed start one thread, not one each.
    #[test]
    fn one_thread_at_most_works() {
        let housekeeping =
            Housekeeping::new(BackupNames::new(Path::new("no/such/app.log")), Retention::default(), false);
        *housekeeping.state() = State::Runs;
        (0..1_000).for_each(|_| housekeeping.begin());
        assert_eq!(Arc::strong_count(&housekeeping.0), 1, "no thread holds a clone");
        assert_eq!(*housekeeping.state(), State::RunsAgain);
        housekeeping.run();
        assert_eq!(*housekeeping.state(), State::Idle);
    }
}
