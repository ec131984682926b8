//! Checks the paths that the documentation names: a page that sends its readers to a file which has moved is worse than none.

use crate::command;
use std::fs;

const PAGES: [&str; 2] = ["docs/architecture.md", "docs/CONTRIBUTING.md"];

/// Directories of the repository that a path can start with.
const ROOTS: [&str; 5] = ["crates/", "docs/", "benches/", "xtask/", "examples/"];

/// # Errors
///
/// Lists every path without a file.
pub(crate) fn check() -> Result<(), String> {
    let mut missing = Vec::new();
    for page in PAGES {
        let text =
            fs::read_to_string(command::root().join(page)).map_err(|error| format!("{page}: {error}"))?;
        let gone = paths(&text).into_iter().filter(|path| !command::root().join(path).exists());
        missing.extend(gone.map(|path| format!("{page} names {path}, which does not exist")));
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("\n       ")) }
}

/// The paths in code spans.
fn paths(page: &str) -> Vec<&str> {
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| ROOTS.iter().any(|root| code.starts_with(root)) && !code.contains([' ', '*', '\n']))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_spans_that_start_in_the_repository_are_paths() {
        let page = "`crates/a/src/b.rs` and crates/c, `Policy`, `docs/x.md`; ```text\ncrates/d\n```";
        assert_eq!(paths(page), ["crates/a/src/b.rs", "docs/x.md"]);
    }

    #[test]
    fn every_path_of_the_documentation_exists() {
        assert_eq!(check(), Ok(()));
    }
}
