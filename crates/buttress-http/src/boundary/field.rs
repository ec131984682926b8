//! Paths that may hold a key of a map.

/// A name as it may be shown: one that is no plain name, of ASCII letters, digits and `_`, at most 63 of them, is `*`.
pub(super) fn shown(name: &str) -> &str {
    let is_plain = name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_plain { name } else { "*" }
}
