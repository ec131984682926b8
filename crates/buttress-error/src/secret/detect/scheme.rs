//! Credentials after the name of their scheme: `Bearer …`, `Basic …`
//! ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750), [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).

use super::base64::decodes_to_any;
use super::bytes::{is_opaque, is_start, is_word, run_end};
use super::spans::Spans;

/// A shorter word after `Bearer` may be one of a sentence.
const MIN_TOKEN: usize = 8;

/// The characters of credentials: `token68` of [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-11.2).
pub(super) const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Finds credentials whose scheme begins at `at`. Returns where they end.
pub(super) fn at(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    let is_one_of = |spellings: [&[u8]; 3]| spellings.iter().any(|scheme| text[at..].starts_with(scheme));
    let bearer = is_one_of([b"Bearer ", b"bearer ", b"BEARER "]);
    if !bearer && !is_one_of([b"Basic ", b"basic ", b"BASIC "]) || !is_start(text, at) {
        return None;
    }
    let start = run_end(text, at + if bearer { 7 } else { 6 }, |byte| byte == b' ');
    let end = run_end(text, start, is_token68);
    let token = &text[start..end];
    let is_secret = match bearer {
        // The token may have the full stop of its sentence.
        true => token.len() >= MIN_TOKEN && is_opaque(token) && !is_assignment(token),
        // Basic credentials are the base64 of `user:password`.
        false => token.len() >= 4 && decodes_to_any(token, |byte| byte == b':'),
    };
    if !is_secret {
        return None;
    }
    let end = run_end(text, end, is_word);
    spans.add(start, end);
    Some(end)
}

/// The parameters of a challenge are no credentials: `Bearer realm=…`.
fn is_assignment(token: &[u8]) -> bool {
    let name = run_end(token, 0, |byte| is_word(byte) || byte == b'-');
    token[name..].starts_with(b"=") && token.trim_ascii_end().last() != Some(&b'=')
}
