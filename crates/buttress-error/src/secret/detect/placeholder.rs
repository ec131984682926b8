//! Values that stand for a secret and are none: `$API_KEY`, `<token>`, `***`, and what was redacted before.

use super::detectors::MARK_START;

/// The words for no value.
const NOTHING: &[&[u8]] = &[
    b"none",
    b"null",
    b"nil",
    b"undefined",
    b"empty",
    b"missing",
    b"unset",
    b"required",
    b"invalid",
    b"expired",
];

/// A longer value is no placeholder, in bytes.
const MAX: usize = 128;

/// Returns `true` if the whole value is the name of a secret, a mask or nothing.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    if value.len() > MAX {
        return false;
    }
    let is_name = |name: &[u8]| {
        !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
    };
    match value {
        [] => true,
        _ if !value.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()) => true,
        _ if value.starts_with(MARK_START.as_bytes())
            && value.iter().position(|byte| *byte == b']') == Some(value.len() - 1) =>
        {
            true
        }
        [b'$', name @ ..] if is_name(name) => true,
        [b'%', name @ .., b'%'] if is_name(name) => true,
        [b'$', b'{', .., b'}'] | [b'{', .., b'}'] | [b'<', .., b'>'] | [b'$', b'(', .., b')'] => true,
        // A parameter of SQL, and a call in code.
        [b':' | b'@', name @ ..] if name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_') => {
            true
        }
        [.., b')'] if is_call(value) => true,
        [b'%', b's' | b'd' | b'v' | b'q'] => true,
        [b'x' | b'X', rest @ ..] if rest.len() >= 2 && rest.iter().all(|byte| *byte == value[0]) => true,
        _ => NOTHING.iter().any(|nothing| value.eq_ignore_ascii_case(nothing)),
    }
}

fn is_call(value: &[u8]) -> bool {
    let is_path = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b':');
    let name = value.iter().take_while(|byte| is_path(byte)).count();
    name > 0 && value[name..].starts_with(b"(")
}
