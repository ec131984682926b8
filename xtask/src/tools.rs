//! Programs beside cargo that the tasks need.

use crate::command;
use std::process::Stdio;

/// A program that is installed by hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Succeeds where it is installed.
    probe: &'static str,
    /// The command that installs it.
    pub(crate) install: &'static str,
}

impl Tool {
    pub(crate) fn is_installed(self) -> bool {
        works(self.probe)
    }

    #[cfg(test)]
    pub(crate) const fn fake(name: &'static str, probe: &'static str, install: &'static str) -> Self {
        Self { name, probe, install }
    }
}

/// The spell checker.
pub(crate) const TYPOS: Tool =
    Tool { name: "typos", probe: "typos --version", install: "cargo install --locked typos-cli" };

/// Licences, banned crates and their sources.
pub(crate) const CARGO_DENY: Tool =
    Tool { name: "cargo-deny", probe: "cargo deny --version", install: "cargo install --locked cargo-deny" };

/// Finds breaking changes that the version number does not admit.
pub(crate) const CARGO_SEMVER_CHECKS: Tool = Tool {
    name: "cargo-semver-checks",
    probe: "cargo semver-checks --version",
    install: "cargo install --locked cargo-semver-checks",
};

/// Parts of the Rust toolchain that a minimal installation leaves out, and the commands that find them.
const COMPONENTS: [(&str, &str); 2] =
    [("rustfmt", "cargo fmt --version"), ("clippy", "cargo clippy --version")];

/// Installs missing components where rustup can, and names the command otherwise.
pub(crate) fn check() -> Result<(), String> {
    for (component, probe) in COMPONENTS {
        let install = format!("rustup component add {component}");
        if !works(probe) {
            println!("{component} is missing: {install}");
            if !works(&install) || !works(probe) {
                return Err(format!("{component} is missing; install it with `{install}`"));
            }
        }
        println!("{component} is installed");
    }
    Ok(())
}

fn works(line: &str) -> bool {
    command::parse(line)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
