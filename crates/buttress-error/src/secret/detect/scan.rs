//! The search for secrets: one pass for separators, one for marks of tokens, one for digits.

use std::ops::Range;

use super::bytes::position;
use super::detectors::Detectors;
use super::spans::Spans;
use super::{assignment, card, jwt, pem, personal, scheme, token, url};

/// Returns where the secrets of a text are, in order and without overlap.
pub(super) fn scan(text: &[u8], detectors: Detectors) -> Vec<Range<usize>> {
    let mut spans = Spans::default();
    separators(text, &mut spans);
    tokens(text, &mut spans);
    card::all(text, &mut spans);
    if detectors.wants_emails() {
        personal::emails(text, &mut spans);
    }
    if detectors.wants_ip_addresses() {
        personal::ip_addresses(text, &mut spans);
    }
    spans.merged()
}

/// The bytes at which a search for a secret begins: before a value, or in the client secret of an Azure application.
const fn is_separator(byte: u8) -> bool {
    // Without a branch, so that the compiler vectorizes it.
    (byte == b':') | (byte == b'=') | (byte == b'~')
}

/// Secrets behind `:` and `=`, and around `~`.
fn separators(text: &[u8], spans: &mut Spans) {
    let (mut at, mut searched) = (0, url::Searched::default());
    while let Some(separator) = position(text, at, is_separator) {
        at = match text[separator..] {
            [b'~', ..] => token::azure_at(text, separator, spans).unwrap_or(separator + 1),
            [b':', b'/', b'/', ..] => url::at(text, separator, &mut searched, spans),
            _ => assignment::at(text, separator, spans),
        };
    }
}

/// Secrets that begin with a mark of their own.
fn tokens(text: &[u8], spans: &mut Spans) {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let end = if MAY_BEGIN[usize::from(*byte)] { token_at(text, at, *byte, spans) } else { None };
        at = end.unwrap_or(at + 1);
    }
}

fn token_at(text: &[u8], at: usize, byte: u8, spans: &mut Spans) -> Option<usize> {
    let own = match byte {
        b'e' => jwt::at(text, at, spans),
        b'B' | b'b' => pem::at(text, at, spans).or_else(|| scheme::at(text, at, spans)),
        _ => None,
    };
    own.or_else(|| if token::may_begin(byte) { token::at(text, at, spans) } else { None })
}

/// Returns `false` only if no secret with a mark of its own begins at `at`, of a text or of its form as a JSON string.
pub(super) fn may_be_token(text: &[u8], at: usize) -> bool {
    let may_begin = |byte: &u8| MAY_BEGIN[usize::from(*byte)] || *byte == b'~';
    let Some(byte) = text.get(at).filter(|byte| may_begin(byte)) else { return false };
    match byte {
        b'e' => text[at..].starts_with(b"eyJ"),
        b'~' => text[..at].ends_with(b"Q"),
        _ => token::may_begin_at(text, at),
    }
}

/// The bytes with which a mark begins.
static MAY_BEGIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = token::may_begin(byte as u8) || matches!(byte as u8, b'e' | b'B' | b'b');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::bytes::steps;
    use super::*;

    fn steps_for(text: &str) -> usize {
        let detectors = Detectors::new().emails().ip_addresses();
        steps::take();
        let _ = detectors.redact(text);
        steps::take()
    }

    /// [S38] Detection takes time proportional to the length of the text, also of a hostile one.
    #[test]
    fn time_is_linear() {
        let mut slow = Vec::new();
        for part in [
            "a.a.a.",
            "-----BEGIN",
            "-----BEGIN PRIVATE KEY",
            "-----BEGIN PRIVATE KEY----- --END",
            "https://:@:@",
            "a://b:c",
            "a://b:c/",
            "://",
            "eyJ",
            "eyJ.",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6.",
            "token=",
            "token:",
            "token=\"",
            "token='token=\"",
            "token=***",
            "token=<",
            "token=a(",
            "token=a()",
            "token=[redacted",
            "token=[redacted]",
            "token: [\"",
            "tokens=1",
            "token={",
            "token=}",
            "token=\\",
            "authorization:",
            "authorization: ",
            "Authorization: Digest realm=",
            "Authorization: Bearer ",
            "Cookie:",
            "Cookie: a=b",
            "glpat-",
            "ghp_",
            "SG.",
            "dp.st.",
            "sk-",
            "AKIA",
            "AKIA-",
            "0Q~",
            "bearer ",
            "bearer a.",
            "basic ",
            "4242",
            "4242 ",
            "4242-",
            "42 ",
            "4",
            "a@",
            "a@a.",
            "a@a.aa",
            "1.1.1.1",
            "1:",
            "::1",
            "%3D",
            "\\n",
            "key_",
            "=",
            ":",
            "\"",
            "é",
            "\\\"token\\\":\\\"",
            "?code=",
            "&sig=a",
            "BEGIN ",
        ] {
            let of = |len: usize| steps_for(&part.repeat(len / part.len()));
            let (short, long) = (of(4_000), of(32_000));
            if long > 10 * short + 100_000 || long > 32_000 * 300 {
                slow.push(format!("{part}: {short} steps, for a text of 8 times the length {long}"));
            }
        }
        assert!(slow.is_empty(), "{}", slow.join("\n"));
    }
}
