//! The password in the authority of a URL: `scheme://user:password@host`.

use super::bytes::{position, run_end};
use super::placeholder::is_placeholder;
use super::spans::Spans;

/// How far the text is known to be without an `@`, so that no part of it is searched twice.
#[derive(Default)]
pub(super) struct Searched {
    no_at_before: usize,
}

/// Finds the password of a URL whose `://` is at `at`. Returns where to go on.
///
/// A user without a password is public. A password may have the characters that end an authority, where no port can be meant.
pub(super) fn at(text: &[u8], at: usize, searched: &mut Searched, spans: &mut Spans) -> usize {
    let start = at + "://".len();
    let is_outside = |byte: u8| {
        byte.is_ascii_whitespace()
            || byte.is_ascii_control()
            || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
    };
    let ends_authority = |byte: u8| is_outside(byte) || matches!(byte, b'/' | b'?' | b'#');
    let authority = run_end(text, start, |byte| !ends_authority(byte));
    let Some(colon) = text[start..authority].iter().position(|byte| *byte == b':').map(|index| start + index)
    else {
        return start;
    };
    let password = colon + 1;
    let last_at = |from: usize, to: usize| {
        text[from..to].iter().rposition(|byte| *byte == b'@').map(|index| from + index)
    };
    let end = last_at(password, authority).or_else(|| {
        let is_port = text[password..authority].iter().all(u8::is_ascii_digit);
        let is_open = text.get(authority).is_some_and(|byte| !is_outside(*byte));
        if is_port || !is_open || authority < searched.no_at_before {
            return None;
        }
        let next = position(text, authority, |byte| byte == b'@' || is_outside(byte)).unwrap_or(text.len());
        if text.get(next) != Some(&b'@') {
            searched.no_at_before = next;
            return None;
        }
        last_at(next, run_end(text, next, |byte| !ends_authority(byte)))
    });
    match end {
        Some(end) if !is_placeholder(&text[password..end]) => {
            spans.add(password, end);
            end
        }
        _ => start,
    }
}
