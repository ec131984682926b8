//! A directory of log files for one test.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A directory of its own, which is deleted at the end.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("buttress-files-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("app.log")
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The texts of the rotated files, oldest first, and of the current one.
    pub(crate) fn texts(&self) -> Vec<String> {
        let rotated = self.names().into_iter().filter(|name| name.starts_with("app-2"));
        let paths = rotated.chain(["app.log".to_owned()]);
        paths.map(|name| fs::read_to_string(self.0.join(name)).unwrap_or_default()).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits for something that another thread does.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = std::time::SystemTime::now();
    while !is_so() {
        assert!(start.elapsed().unwrap() < Duration::from_secs(60), "{what}");
        thread::yield_now();
    }
}
