//! The published crates: each has a changelog and the metadata that a registry shows.

use crate::{command, sources};
use std::{fs, path::Path, process::Stdio};

/// Keys of `[package]` that a published crate needs.
const KEYS: [&str; 8] =
    ["description", "license", "repository", "keywords", "categories", "rust-version", "readme", "version"];

/// # Errors
///
/// Lists every crate that lacks something.
pub(crate) fn check() -> Result<(), String> {
    let mut complaints = Vec::new();
    for manifest in sources::files("crates", "Cargo.toml")? {
        let text =
            fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
        if !is_published(&text) {
            continue;
        }
        let crate_dir = manifest.parent().unwrap_or(Path::new(""));
        let name = crate_dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut missing = missing_keys(&text);
        missing
            .extend(["CHANGELOG.md", "README.md"].into_iter().filter(|file| !crate_dir.join(file).is_file()));
        if missing.is_empty() {
            println!("{name}");
        } else {
            complaints.push(format!("{name} has no {}", missing.join(", ")));
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n       ")) }
}

/// The command that compares the crates with the last release; none before the first one.
pub(crate) fn semver() -> Option<String> {
    let tag = command::parse("git describe --tags --abbrev=0 --match v*")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let tag = String::from_utf8(tag.stdout).ok()?;
    Some(format!(
        "cargo semver-checks --workspace --exclude buttress-benches --exclude buttress-test --exclude xtask \
         --all-features --baseline-rev {}",
        tag.trim()
    ))
}

/// A fuzzer's package is a workspace of its own, and never published.
fn is_published(manifest: &str) -> bool {
    !manifest.lines().any(|line| matches!(line.trim(), "publish = false" | "[workspace]"))
}

fn missing_keys(manifest: &str) -> Vec<&'static str> {
    let package =
        manifest.split("\n[").find(|section| section.trim_start_matches('[').starts_with("package]"));
    let keys: Vec<_> = package
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.trim().trim_end_matches(".workspace").trim())
        .collect();
    KEYS.into_iter().filter(|key| !keys.contains(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_of_the_package_is_named() {
        let manifest = "[package]\nname = \"x\"\ndescription = \"a\"\nversion.workspace = true\n\
                        license.workspace = true\nkeywords = []\ncategories = []\nreadme = \"README.md\"\n\
                        \n[dependencies]\nrepository = \"1\"\n";
        assert_eq!(missing_keys(manifest), ["repository", "rust-version"]);
    }

    #[test]
    fn a_manifest_says_whether_it_is_published() {
        assert!(is_published("[package]\nname = \"x\"\n"));
        assert!(!is_published("[package]\nname = \"x\"\npublish = false\n"));
        assert!(!is_published("[package]\nname = \"x\"\n\n[workspace]\n"));
    }

    #[test]
    fn every_published_crate_is_complete() {
        assert_eq!(check(), Ok(()));
    }
}
