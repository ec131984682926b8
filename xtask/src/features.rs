//! Builds each feature of each crate alone: a crate that compiles only beside its siblings is broken for its users.

use crate::sources;
use std::fs;

#[derive(Debug, PartialEq)]
pub(crate) struct Package {
    name: String,
    features: Vec<String>,
}

impl Package {
    /// A name and a command for the build without features, and for each feature.
    pub(crate) fn alone(&self) -> Vec<(String, String)> {
        let name = &self.name;
        // Clippy rather than `check`: an unused item may be one that only another feature uses.
        let clippy = |features| {
            format!("cargo clippy --package {name} --no-default-features {features}-- -D warnings")
        };
        let bare = (format!("{name} without features"), clippy(String::new()));
        let each = self.features.iter().map(|feature| {
            (format!("{name} with `{feature}` alone"), clippy(format!("--features {feature} ")))
        });
        [bare].into_iter().chain(each).collect()
    }
}

/// The packages in `crates/`, by name.
pub(crate) fn packages() -> Result<Vec<Package>, String> {
    let manifests = sources::files("crates", "Cargo.toml")?;
    let mut packages = Vec::new();
    for path in &manifests {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        // The package of a fuzzer is a workspace of its own.
        if !text.lines().any(|line| line == "[workspace]") {
            packages.push(parse(&text).ok_or_else(|| format!("{}: no package name", path.display()))?);
        }
    }
    Ok(packages)
}

/// Reads `name` in `[package]` and the keys of `[features]`. The continuation lines of a long list are neither a section nor
/// a key.
fn parse(manifest: &str) -> Option<Package> {
    let (mut name, mut features) = (None, Vec::new());
    let mut section = "";
    for line in manifest.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) = line.split_once('=') {
            match (section, unquoted(key)) {
                ("[package]", "name") => name = Some(unquoted(value).to_owned()),
                ("[features]", feature) => features.push(feature.to_owned()),
                _ => {}
            }
        }
    }
    Some(Package { name: name?, features })
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[package]
name = "layers" # not [features]
description = "name = 3"
keywords = ["a", "b"]

[features]
default = ["http"]
# For those who have it.
http = ["dep:http"]
"full" = [
    "http", # a = b
    "log",
]
log = []

[dependencies]
http = { version = "1", optional = true }
name = "1"
"#;

    #[test]
    fn reads_the_name_and_the_features() {
        let features = ["default", "http", "full", "log"].map(str::to_owned).to_vec();
        assert_eq!(parse(MANIFEST), Some(Package { name: "layers".to_owned(), features }));
    }

    #[test]
    fn a_manifest_without_a_package_has_no_name() {
        assert_eq!(parse("[workspace]\nmembers = []\n"), None);
    }

    #[test]
    fn builds_nothing_and_then_each_feature_alone() {
        let package = Package { name: "layers".to_owned(), features: vec!["log".to_owned()] };
        let (names, lines): (Vec<_>, Vec<_>) = package.alone().into_iter().unzip();
        assert_eq!(names, ["layers without features", "layers with `log` alone"]);
        assert_eq!(
            lines,
            [
                "cargo clippy --package layers --no-default-features -- -D warnings",
                "cargo clippy --package layers --no-default-features --features log -- -D warnings",
            ]
        );
    }
}
