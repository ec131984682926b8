//! `cargo xtask minimal-versions`: builds the crates with the lowest version of each direct dependency that their
//! manifests allow.
//!
//! The benchmarks and this program need newer versions and would raise the others, so a copy of the crates alone is
//! built, in `target/minimal-versions`. The lock file of the workspace stays as it is.

use crate::{command, sources};
use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

pub(crate) fn check() -> Result<(), String> {
    let copy = command::root().join("target/minimal-versions");
    mirror(&copy).map_err(|error| format!("{}: {error}", copy.display()))?;
    // The option of cargo is unstable. The variable admits it with a stable toolchain; the compiler builds as ever.
    run("cargo generate-lockfile -Z direct-minimal-versions", &copy, Some("RUSTC_BOOTSTRAP"))?;
    run("cargo check --workspace --all-features --locked", &copy, None)
}

/// Copies the crates, and a manifest of a workspace that has no other members.
fn mirror(copy: &Path) -> io::Result<()> {
    let crates = copy.join("crates");
    if crates.exists() {
        fs::remove_dir_all(&crates)?;
    }
    let from = command::root().join("crates");
    for ending in [".rs", ".toml", ".md", ".json"] {
        for file in sources::files("crates", ending).map_err(io::Error::other)? {
            let to = crates.join(file.strip_prefix(&from).unwrap_or(&file));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(&file, to)?;
        }
    }
    let manifest = fs::read_to_string(command::root().join("Cargo.toml"))?;
    fs::write(copy.join("Cargo.toml"), crates_alone(&manifest))?;
    fs::copy(command::root().join("README.md"), copy.join("README.md"))?;
    Ok(())
}

fn crates_alone(manifest: &str) -> String {
    manifest.replace(r#"members = ["crates/*", "benches", "xtask"]"#, r#"members = ["crates/*"]"#)
}

fn run(line: &str, directory: &Path, bootstrap: Option<&str>) -> Result<(), String> {
    println!("$ {line}");
    let command: &mut Command = &mut command::parse(line);
    command.current_dir(directory).stdin(Stdio::null());
    command.env("CARGO_TARGET_DIR", directory.join("target"));
    command.envs(bootstrap.map(|name| (name, "1")));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` in {} ended with {status}", directory.display())),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_no_members_but_the_crates() {
        let manifest = fs::read_to_string(command::root().join("Cargo.toml")).expect("the workspace has one");
        let alone = crates_alone(&manifest);
        assert_ne!(alone, manifest);
        assert!(!alone.contains("\"benches\", "), "{alone}");
    }
}
