//! Finds files of this repository by the end of their names.

use crate::command;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// All files below `directory` of the workspace whose names end with `ending`, in order.
pub(crate) fn files(directory: &str, ending: &str) -> Result<Vec<PathBuf>, String> {
    let directory = command::root().join(directory);
    let mut found = Vec::new();
    collect(&directory, ending, &mut found).map_err(|error| format!("{}: {error}", directory.display()))?;
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // A build inside a crate leaves a `target` there, with the sources of dependencies.
            if entry.file_name() != "target" {
                collect(&entry.path(), ending, found)?;
            }
        } else if entry.file_name().to_string_lossy().ends_with(ending) {
            found.push(entry.path());
        }
    }
    Ok(())
}
