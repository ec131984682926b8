//! Path segments that may be map keys.

/// Returns a name that is safe to show: `*` unless it is a plain name of at most 63 ASCII letters, digits and `_`.
pub(super) fn shown(name: &str) -> &str {
    let is_plain = name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_plain { name } else { "*" }
}
