//! Which source files belong to Buttress. An error made in one of them has no location worth logging.

const CRATES: &[&str] = &[
    "buttress",
    "buttress-breaker",
    "buttress-context",
    "buttress-error",
    "buttress-http",
    "buttress-keyed",
    "buttress-log",
    "buttress-retry",
    "buttress-timeout",
];

/// Returns `true` for a source file of a Buttress crate, in a workspace (`buttress-log/src/…`) or unpacked from a registry
/// (`buttress-log-0.1.0/src/…`).
pub(crate) fn is_buttress_source(file: &str) -> bool {
    let mut parts = file.split(['/', '\\']).peekable();
    while let Some(part) = parts.next() {
        if parts.peek() == Some(&"src") && CRATES.iter().any(|name| is_crate_dir(part, name)) {
            return true;
        }
    }
    false
}

fn is_crate_dir(part: &str, name: &str) -> bool {
    match part.strip_prefix(name) {
        Some("") => true,
        Some(version) => {
            version.strip_prefix('-').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [S35] A location inside Buttress's own crates is not logged.
    #[test]
    fn source_files_of_buttress() {
        assert!(is_buttress_source(file!()));
        for file in [
            "crates/buttress/src/lib.rs",
            "/home/me/.cargo/registry/src/mirror-1949cf8c6b5b557f/buttress-retry-0.1.0/src/retry/future.rs",
            "C:\\registry\\buttress-http-1.2.3-rc.1\\src\\lib.rs",
            "buttress-0.1.0/src/lib.rs",
        ] {
            assert!(is_buttress_source(file), "{file}");
        }
        for file in [
            "src/main.rs",
            "src/buttress.rs",
            "buttress-shop/src/main.rs",
            "shop/buttress-retry/examples/a.rs",
            "crates/buttress-log/tests/lines.rs",
            "buttress/shop/src/main.rs",
            "",
        ] {
            assert!(!is_buttress_source(file), "{file}");
        }
    }
}
