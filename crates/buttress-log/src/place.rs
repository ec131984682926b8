//! Places in the code: which are worth to be told.

/// Where a layer makes an error tells nothing about the program.
const CRATES: &[&str] = &[
    "buttress",
    "buttress-breaker",
    "buttress-context",
    "buttress-error",
    "buttress-http",
    "buttress-log",
    "buttress-retry",
    "buttress-timeout",
];

/// Is this a source file of one of our crates, in a workspace (`buttress-log/src/…`) or unpacked from a registry
/// (`buttress-log-0.1.0/src/…`)?
pub(crate) fn is_ours(file: &str) -> bool {
    let mut parts = file.split(['/', '\\']).peekable();
    while let Some(part) = parts.next() {
        if parts.peek() == Some(&"src") && CRATES.iter().any(|name| is_crate(part, name)) {
            return true;
        }
    }
    false
}

fn is_crate(part: &str, name: &str) -> bool {
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

    /// [S35] A place inside our own crates is not told.
    #[test]
    fn our_own_files() {
        assert!(is_ours(file!()));
        for file in [
            "crates/buttress/src/lib.rs",
            "/home/me/.cargo/registry/src/mirror-1949cf8c6b5b557f/buttress-retry-0.1.0/src/retry/future.rs",
            "C:\\registry\\buttress-http-1.2.3-rc.1\\src\\lib.rs",
            "buttress-0.1.0/src/lib.rs",
        ] {
            assert!(is_ours(file), "{file}");
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
            assert!(!is_ours(file), "{file}");
        }
    }
}
