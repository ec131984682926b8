//! JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): `eyJ…` is the base64 of `{"`.

use super::bytes::{is_start, run_end};
use super::spans::Spans;

/// The shortest header that names an algorithm has 15 bytes, in base64 20 digits.
const MIN_HEADER: usize = 16;
const MIN_CLAIMS: usize = 8;

/// Finds a token that begins at `at`. Returns where it ends.
///
/// Header and claims make a token, also without a signature. A header alone is public.
pub(super) fn at(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    if !text[at..].starts_with(b"eyJ") || !is_start(text, at) {
        return None;
    }
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'=');
    let header = run_end(text, at, is_digit);
    if header - at < MIN_HEADER || text.get(header) != Some(&b'.') {
        // The header is passed, so that a long one is not read again from inside.
        return Some(header);
    }
    let claims = run_end(text, header + 1, is_digit);
    // An encrypted token has five parts, of which the second may be empty.
    let end = run_end(text, claims, |byte| is_digit(byte) || matches!(byte, b'.' | b'+' | b'/'));
    if claims - header - 1 < MIN_CLAIMS && end - claims < 2 * MIN_CLAIMS {
        return Some(claims);
    }
    // A full stop at the end may be that of a sentence, and the empty signature of a token too.
    spans.add(at, end);
    Some(end)
}
