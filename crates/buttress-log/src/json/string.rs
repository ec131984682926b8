//! Strings with their escapes and a length limit.

use std::fmt::{self, Write};
use std::mem;

use crate::json::escape::{escape, unescape};
use crate::json::number::integer;
use crate::redaction::Redactor;
use crate::unwind;

/// A JSON string under construction.
///
/// It is valid JSON whatever is pushed into it. Text beyond the limit is dropped, and the string ends with a mark that
/// counts the dropped bytes.
///
/// With a redactor the secrets in it are redacted once it is finished, since a `Display` writes its text in pieces.
pub(crate) struct StringWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where the text begins, behind its quote.
    start: usize,
    end: usize,
    dropped: usize,
    redactor: Option<&'a Redactor>,
    /// The beginning of the dropped text: a secret may be cut by the limit.
    beyond: String,
}

/// How much of the dropped text is searched for the rest of a secret, in bytes.
const MAX_BEYOND: usize = 4 << 10;

impl<'a> StringWriter<'a> {
    /// Opens a string of at most `limit` encoded bytes, not counting its quotes and the truncation mark.
    pub(crate) fn open(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self::redacting(out, limit, None)
    }

    /// Opens a string without the secrets that `redactor` finds.
    pub(crate) fn redacting(out: &'a mut Vec<u8>, limit: usize, redactor: Option<&'a Redactor>) -> Self {
        out.push(b'"');
        let start = out.len();
        Self { out, start, end: start.saturating_add(limit), dropped: 0, redactor, beyond: String::new() }
    }

    pub(crate) fn push(&mut self, mut text: &str) {
        // Escaping turns one byte into six at most, so a sixth of the remaining room fits without a check.
        while self.dropped == 0 && !text.is_empty() {
            let fits = floor_char_boundary(text, (self.end.saturating_sub(self.out.len())) / 6);
            if fits == 0 {
                return self.push_by_char(text);
            }
            escape(self.out, &text[..fits]);
            text = &text[fits..];
        }
        self.drop(text);
    }

    fn drop(&mut self, text: &str) {
        self.dropped += text.len();
        if self.redactor.is_some() && !text.is_empty() {
            let room = MAX_BEYOND.saturating_sub(self.beyond.len());
            self.beyond.push_str(&text[..floor_char_boundary(text, room)]);
        }
    }

    /// Pushes text that may not fit, character by character.
    fn push_by_char(&mut self, text: &str) {
        for (at, c) in text.char_indices() {
            let before = self.out.len();
            escape(self.out, &text[at..at + c.len_utf8()]);
            if self.out.len() > self.end {
                self.out.truncate(before);
                return self.drop(&text[at..]);
            }
        }
    }

    /// Formats user code's `Display` or `Debug`. If it fails or panics, a mark follows what it has written so far.
    pub(crate) fn push_fmt(&mut self, arguments: fmt::Arguments<'_>) {
        if let Some(constant) = arguments.as_str() {
            return self.push(constant);
        }
        match unwind::catch(|| self.write_fmt(arguments)) {
            Some(Ok(())) => {}
            Some(Err(fmt::Error)) => self.push("[display failed]"),
            None => self.push("[display panicked]"),
        }
    }

    /// Returns `true` if nothing was pushed, or only empty texts.
    #[cfg(feature = "serde")]
    pub(crate) const fn is_empty(&self) -> bool {
        self.out.len() == self.start && self.dropped == 0
    }

    pub(crate) fn close(mut self) {
        if let Some(redactor) = self.redactor.take()
            && (self.dropped > 0 || redactor.may_find(&self.out[self.start..]))
        {
            self.redact(redactor);
        }
        if self.dropped > 0 {
            self.out.extend_from_slice("…[".as_bytes());
            integer(self.out, self.dropped);
            self.out.extend_from_slice(b" bytes cut]");
        }
        self.out.push(b'"');
    }
}

impl StringWriter<'_> {
    /// Writes the text again, with marks in place of its secrets. What was beyond the limit stays beyond it.
    #[cold]
    fn redact(&mut self, redactor: &Redactor) {
        let mut text = unescape(&self.out[self.start..]);
        let visible = text.len();
        text.push_str(&self.beyond);
        let mut spans = redactor.find(&text);
        spans.retain(|span| span.start < visible);
        if spans.is_empty() {
            return;
        }
        redactor.count(spans.len());
        self.out.truncate(self.start);
        let beyond = mem::take(&mut self.dropped);
        let mut copied = 0;
        for span in spans {
            self.push(&text[copied..span.start]);
            self.push_mark(&redactor.mark(text[span.clone()].as_bytes()), span.end.min(visible) - span.start);
            copied = span.end.min(visible);
        }
        self.push(&text[copied..visible]);
        self.dropped += beyond;
    }

    /// Pushes a mark for a text of `len` bytes, whole or not at all.
    fn push_mark(&mut self, mark: &str, len: usize) {
        if self.dropped > 0 || self.out.len() + mark.len() > self.end {
            self.dropped += len;
        } else {
            self.out.extend_from_slice(mark.as_bytes());
        }
    }
}

impl Write for StringWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// Appends `text` as a string of at most `limit` encoded bytes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str, limit: usize) {
    let mut string = StringWriter::open(out, limit);
    string.push(text);
    string.close();
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(text: &str, limit: usize) -> String {
        let mut out = Vec::new();
        string(&mut out, text, limit);
        String::from_utf8(out).unwrap()
    }

    /// [S34] Control characters, bidirectional marks and line separators have one form: the shortest JSON escape.
    #[test]
    fn dangerous_characters_are_escaped() {
        for (text, json) in [
            ("a\n\r\t\u{8}\u{c}b", r#""a\n\r\t\b\fb""#),
            ("\0\u{1b}\u{7f}\u{85}\u{9f}", r#""\u0000\u001b\u007f\u0085\u009f""#),
            (
                "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}",
                r#""\u061c\u200e\u200f\u202a\u202e\u2066\u2069""#,
            ),
            ("\u{2028}\u{2029}\u{feff}", r#""\u2028\u2029\ufeff""#),
            ("say \"\\o/\"", r#""say \"\\o/\"""#),
            ("ÀØ،\u{200d}…€𝄞ﷺ plain", "\"ÀØ،\u{200d}…€𝄞ﷺ plain\""),
        ] {
            assert_eq!(encoded(text, 1_000), json);
        }
    }

    /// [S34] A field has a size limit, and the mark of a cut says how many bytes are missing.
    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(encoded("0123456789", 10), "\"0123456789\"");
        assert_eq!(encoded("0123456789a", 10), "\"0123456789…[1 bytes cut]\"");
        assert_eq!(encoded("01234567\u{1}", 10), "\"01234567…[1 bytes cut]\"");
        assert_eq!(encoded("ééé", 5), "\"éé…[2 bytes cut]\"");
        assert_eq!(encoded("x", 0), "\"…[1 bytes cut]\"");
    }

    proptest! {
        /// [S34] Any text, pushed in any pieces, decodes to the same text.
        #[test]
        fn decodes_to_the_same_text(pieces in prop::collection::vec("(?s).*", 0..8)) {
            let mut out = Vec::new();
            let mut string = StringWriter::open(&mut out, usize::MAX);
            pieces.iter().for_each(|piece| string.push(piece));
            string.close();
            prop_assert!(out.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f));
            let decoded: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(decoded, pieces.concat());
        }

        /// [S34] At most `limit` encoded bytes and a mark; still a JSON string, and still a prefix of the text.
        #[test]
        fn never_longer_than_its_limit(text in "(?s).{0,400}", limit in 0usize..600) {
            let json = encoded(&text, limit);
            let decoded: String = serde_json::from_str(&json).unwrap();
            match decoded.rsplit_once("…[").filter(|_| decoded.ends_with(" bytes cut]")) {
                Some((kept, mark)) => {
                    prop_assert!(json.len() <= limit + 2 + "…[400 bytes cut]".len() + 4);
                    prop_assert!(text.starts_with(kept));
                    prop_assert_eq!(format!("{} bytes cut]", text.len() - kept.len()), mark);
                }
                None => prop_assert_eq!(decoded, text),
            }
        }
    }
}
