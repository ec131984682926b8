//! `TokenPattern`: the form of a program's own secrets.

use std::ops::Range;

use super::error::RedactionError;

/// The fewest bytes before the star: a shorter beginning would be found in ordinary words.
const MIN_PREFIX: usize = 3;
/// The fewest characters for the star.
const MIN_BODY: usize = 8;

/// A beginning, and a star for at least eight letters, digits and `_-.~+/=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenPattern(Box<[u8]>);

impl TokenPattern {
    pub(super) fn new(text: &str) -> Result<Self, RedactionError> {
        let reason = match text.strip_suffix('*') {
            None => "does not end with a star",
            Some(prefix) if prefix.contains('*') => "has more than one star",
            Some(prefix) if prefix.len() < MIN_PREFIX => "has fewer than three bytes before its star",
            Some(prefix)
                if !prefix.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) =>
            {
                "has a blank, a quote, a backslash or a character that is not ASCII"
            }
            Some(prefix) => return Ok(Self(prefix.as_bytes().into())),
        };
        Err(RedactionError::new(text, reason))
    }

    /// Adds the secrets of this form to `spans`.
    pub(super) fn find(&self, text: &[u8], spans: &mut Vec<Range<usize>>) {
        let mut at = 0;
        while let Some(start) = self.next(text, at) {
            let body = start + self.0.len();
            let is_body = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.~+/=".contains(byte);
            let end =
                text[body..].iter().position(|byte| !is_body(byte)).map_or(text.len(), |len| body + len);
            let is_inside =
                start > 0 && text[start - 1].is_ascii_alphanumeric() && self.0[0].is_ascii_alphanumeric();
            if end - body >= MIN_BODY && !is_inside {
                spans.push(start..end);
                at = end;
            } else {
                at = body;
            }
        }
    }

    /// Returns `false` only if the text has no secret of this form. Nothing in the pattern is escaped in JSON.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        self.next(text, 0).is_some()
    }

    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        text.get(from..)?.windows(self.0.len()).position(|part| *part == *self.0).map(|index| from + index)
    }
}
