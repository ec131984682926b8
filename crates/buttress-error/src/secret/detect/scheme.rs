//! Credentials after the name of their scheme: `Bearer …`, `Basic …`
//! ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750), [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)).

use super::base64::decodes_to_any;
use super::bytes::{is_opaque, is_start, is_word, run_end};
use super::quick::MIN_TOKEN;
use super::spans::Spans;

/// A shorter word after `Bearer` may be one of a sentence, also at the start of a text.
const MIN_ALONE: usize = 8;

/// The characters of credentials: `token68` of [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-11.2).
pub(super) const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Returns the length of the name of a scheme at `at`, with its blank.
pub(super) fn len_at(text: &[u8], at: usize) -> Option<usize> {
    const NAMES: [&[u8]; 6] = [b"Bearer ", b"bearer ", b"BEARER ", b"Basic ", b"basic ", b"BASIC "];
    NAMES.iter().find(|name| text[at..].starts_with(name)).map(|name| name.len())
}

/// Finds credentials whose scheme begins at `at`. Returns where they end.
///
/// In a sentence they are long, or end with the padding of base64.
pub(super) fn at(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    let len = len_at(text, at).filter(|_| is_start(text, at))?;
    let start = at + len;
    let end = run_end(text, start, is_token68);
    let token = &text[start..end];
    let is_secret = match len == "Bearer ".len() {
        // The token may have the full stop of its sentence.
        true => token.len() >= MIN_ALONE && is_opaque(token) && !is_assignment(token),
        // Basic credentials are the base64 of `user:password`.
        false => token.len() >= 4 && decodes_to_any(token, |byte| byte == b':'),
    };
    if !is_secret || !(token.len() >= MIN_TOKEN || at == 0 || token.ends_with(b"=")) {
        return None;
    }
    let end = run_end(text, end, is_word);
    spans.add(start, end);
    Some(end)
}

/// Returns `false` only if a text, or its form as a JSON string, does not begin with a scheme.
pub(super) fn may_be_whole(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'B' | b'b')) && len_at(text, 0).is_some()
}

/// Returns `false` only if no credentials of at most [`MIN_TOKEN`] bytes behind a scheme end at `at`.
pub(super) fn may_end_at(text: &[u8], at: usize) -> bool {
    let len = text[..at].iter().rev().take(MIN_TOKEN).take_while(|byte| is_token68(**byte)).count();
    let before = &text[..at - len];
    let names = before.len().saturating_sub("Bearer ".len())..before.len();
    before.ends_with(b" ")
        && names.into_iter().any(|at| len_at(before, at).is_some_and(|len| at + len == before.len()))
}

/// The parameters of a challenge are no credentials: `Bearer realm=…`.
fn is_assignment(token: &[u8]) -> bool {
    let name = run_end(token, 0, |byte| is_word(byte) || byte == b'-');
    token[name..].starts_with(b"=") && token.trim_ascii_end().last() != Some(&b'=')
}
