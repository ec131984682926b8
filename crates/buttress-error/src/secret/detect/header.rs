//! Lines of HTTP headers in a text: `Authorization: …`, `Cookie: …`, `Set-Cookie: …`.

use super::bytes::{is_opaque, run_end};
use super::placeholder::is_placeholder;
use super::spans::Spans;

/// Schemes whose credentials are one word.
const ONE_WORD: &[&[u8]] = &[
    b"bearer",
    b"basic",
    b"token",
    b"apikey",
    b"api-key",
    b"negotiate",
    b"ntlm",
    b"dpop",
    b"splunk",
    b"bot",
    b"key",
];
/// Schemes whose credentials are the rest of the line.
const LINE: &[&[u8]] = &[
    b"digest",
    b"aws4-hmac-sha256",
    b"hawk",
    b"oauth",
    b"mac",
    b"signature",
    b"scram-sha-256",
    b"sharedkey",
    b"aws",
];

/// The longest name of a cookie that is read, in bytes.
const MAX_COOKIE_NAME: usize = 256;

const fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'`')
}

fn is_one_of(word: &[u8], schemes: &[&[u8]]) -> bool {
    schemes.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Returns `true` for the name of a header that holds credentials after a scheme.
pub(super) fn is_authorization(name: &[u8]) -> bool {
    is_one_of(
        name,
        &[b"authorization", b"proxy-authorization", b"x-forwarded-authorization", b"x-amzn-authorization"],
    )
}

pub(super) fn is_cookie(name: &[u8]) -> bool {
    is_one_of(name, &[b"cookie", b"set-cookie", b"cookie2", b"set-cookie2"])
}

/// Finds the credentials of a header whose value begins at `at`; a scheme is kept. Returns where they end.
pub(super) fn credentials(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    let is_inside = |byte: u8| !byte.is_ascii_whitespace() && !ends_line(byte);
    let scheme = run_end(text, at, is_inside);
    let start = run_end(text, scheme, |byte| byte == b' ');
    if text[start..].starts_with(b"realm=") {
        return None;
    }
    let line = || run_end(text, start, |byte| !matches!(byte, b'\n' | b'\r'));
    let (start, end) = if start > scheme && is_one_of(&text[at..scheme], LINE) {
        (start, line())
    } else if start > scheme && is_one_of(&text[at..scheme], ONE_WORD) {
        (start, run_end(text, start, |byte| is_inside(byte) && byte != b','))
    } else {
        let end = run_end(text, at, |byte| is_inside(byte) && byte != b',');
        if !is_opaque(&text[at..end]) {
            return None;
        }
        (at, end)
    };
    if is_placeholder(&text[start..end]) {
        return None;
    }
    spans.add(start, end);
    Some(end)
}

/// Finds the cookies of a header whose value begins at `at`. They end at `quote`, in which the whole header is, or at the end
/// of the line. Returns where they end.
pub(super) fn cookies(text: &[u8], at: usize, quote: Option<u8>, spans: &mut Spans) -> Option<usize> {
    let is_inside = |byte: u8| !matches!(byte, b'\n' | b'\r') && Some(byte) != quote;
    let name =
        run_end(&text[..text.len().min(at + MAX_COOKIE_NAME)], at, |byte| is_inside(byte) && byte != b'=');
    if text.get(name) != Some(&b'=') {
        return None;
    }
    let end = run_end(text, at, is_inside);
    let end = at + text[at..end].trim_ascii_end().len();
    if is_placeholder(&text[at..end]) {
        return None;
    }
    spans.add(at, end);
    Some(end)
}
