//! What a fresh machine may lack beside cargo itself.

use crate::command;
use std::process::Stdio;

/// Parts of the Rust toolchain that a minimal installation leaves out, and how to tell that they are there.
const COMPONENTS: [(&str, &str); 2] =
    [("rustfmt", "cargo fmt --version"), ("clippy", "cargo clippy --version")];

/// Installs what is missing where rustup can, else says what to install.
pub(crate) fn check() -> Result<(), String> {
    for (component, probe) in COMPONENTS {
        let install = format!("rustup component add {component}");
        if !works(probe) {
            println!("{component} is missing: {install}");
            if !works(&install) || !works(probe) {
                return Err(format!("{component} is missing; install it with `{install}`"));
            }
        }
        println!("{component} is there");
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
