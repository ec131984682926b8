//! Where the scenarios are, and which files may be there.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::suite::say;

/// The areas that this runner runs.
const AREAS: [&str; 10] = [
    "backoff",
    "breaker",
    "grpc_timeout",
    "http_classify",
    "log_strings",
    "rate_limit",
    "redact",
    "retry",
    "retry_after",
    "traceparent",
];

/// The areas that are skipped, and why.
const LATER: [(&str, &str); 5] = [
    ("baggage", NOT_BUILT),
    ("bulkhead", NO_CRATE),
    ("coalesce", NO_CRATE),
    ("hedge", NO_CRATE),
    ("tracestate", NOT_BUILT),
];

const NO_CRATE: &str = "the crate of this pattern does not exist yet";
const NOT_BUILT: &str = "the context does not hold it yet";

/// The directory to read.
pub(crate) fn directory() -> PathBuf {
    env::var_os("BUTTRESS_SCENARIOS").map_or_else(own, |directory| root().join(directory))
}

/// The project's own directory.
pub(crate) fn own() -> PathBuf {
    root().join("tests/scenarios")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Says what is skipped, and fails where a file has a name that nobody reads.
pub(crate) fn check() {
    let directory = directory();
    let files = files(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let is_there = |area: &str| files.iter().any(|file| file == area);
    for area in areas().filter(|area| !is_there(area)) {
        say(&format!("{area}: skipped, the directory has no {area}.json"));
    }
    for (area, reason) in LATER.iter().filter(|(area, _)| is_there(area)) {
        say(&format!("{area}: skipped, {reason}"));
    }
    let is_known = |file: &String| areas().any(|area| area == file);
    let unknown: Vec<_> = files.iter().filter(|file| !is_known(file)).collect();
    assert!(unknown.is_empty(), "unknown scenario files in {}: {unknown:?}", directory.display());
}

/// All areas by name: those that are run, and those that are skipped.
fn areas() -> impl Iterator<Item = &'static str> {
    AREAS.into_iter().chain(LATER.map(|(area, _)| area))
}

/// The names of its `.json` files, without the ending.
fn files(directory: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(files)
}
