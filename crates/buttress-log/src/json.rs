//! JSON text written by hand: strings with their escapes and limits, numbers, nothing else.

use std::fmt;

/// A JSON string that is being written. It never breaks, whatever is pushed into it, and never grows past its
/// limit: what doesn't fit is counted and said at its end.
pub(crate) struct Text<'a> {
    out: &'a mut Vec<u8>,
    end: usize,
    cut: usize,
}

impl<'a> Text<'a> {
    /// Opens a string of at most `limit` encoded bytes, without its quotes and the mark of a cut.
    pub(crate) fn open(out: &'a mut Vec<u8>, limit: usize) -> Self {
        out.push(b'"');
        let end = out.len().saturating_add(limit);
        Self { out, end, cut: 0 }
    }

    pub(crate) fn push(&mut self, mut text: &str) {
        // One byte becomes at most six, so a sixth of the room always fits without counting.
        while self.cut == 0 && !text.is_empty() {
            let sure = floor_char_boundary(text, (self.end.saturating_sub(self.out.len())) / 6);
            if sure == 0 {
                return self.push_last(text);
            }
            escape(self.out, &text[..sure]);
            text = &text[sure..];
        }
        self.cut += text.len();
    }

    /// The end of a text that may not fit: character by character.
    fn push_last(&mut self, text: &str) {
        for (at, c) in text.char_indices() {
            let before = self.out.len();
            escape(self.out, &text[at..at + c.len_utf8()]);
            if self.out.len() > self.end {
                self.out.truncate(before);
                self.cut += text.len() - at;
                return;
            }
        }
    }

    pub(crate) fn close(self) {
        if self.cut > 0 {
            self.out.extend_from_slice("…[".as_bytes());
            integer(self.out, self.cut);
            self.out.extend_from_slice(b" bytes cut]");
        }
        self.out.push(b'"');
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// A whole string with its quotes, at most `limit` encoded bytes of it.
pub(crate) fn string(out: &mut Vec<u8>, text: &str, limit: usize) {
    let mut string = Text::open(out, limit);
    string.push(text);
    string.close();
}

pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A number, or one of the strings `"NaN"`, `"Infinity"`, `"-Infinity"` as in protobuf's JSON mapping.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(match value {
        _ if value.is_finite() => {
            return out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        }
        f64::INFINITY => b"\"Infinity\"",
        f64::NEG_INFINITY => b"\"-Infinity\"",
        _ => b"\"NaN\"",
    });
}

/// Appends `text`, escaped: what JSON demands, and whatever could move the cursor, reorder or split the line in a
/// terminal or a viewer (see [`is_unsafe`]).
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let (mut copied, mut at) = (0, 0);
    loop {
        at += plain(&bytes[at..]);
        let Some(c) = text[at..].chars().next() else { break };
        let next = at + c.len_utf8();
        if c == '"' || c == '\\' || is_unsafe(c) {
            out.extend_from_slice(&bytes[copied..at]);
            escape_char(out, c);
            copied = next;
        }
        at = next;
    }
    out.extend_from_slice(&bytes[copied..]);
}

fn escape_char(out: &mut Vec<u8>, c: char) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match c {
        '"' | '\\' => c as u8,
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => {
            let code = c as usize; // All of them are below U+10000: no surrogates needed.
            out.extend_from_slice(b"\\u");
            return out.extend([12, 8, 4, 0].map(|shift| HEX[code >> shift & 15]));
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional marks, embeddings, overrides and
/// isolates, and the byte order mark. The bidirectional ones are those of Unicode TR 9, abused as in CVE-2021-42574.
fn is_unsafe(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The bytes that may begin a character to escape: ASCII ones, and the lead bytes of the rest.
static STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        stops[byte] = true;
        byte += 1;
    }
    stops[b'"' as usize] = true;
    stops[b'\\' as usize] = true;
    stops[0x7f] = true;
    stops[0xc2] = true; // U+0080 to U+00BF
    stops[0xd8] = true; // U+0600 to U+063F
    stops[0xe2] = true; // U+2000 to U+2FFF
    stops[0xef] = true; // U+F000 to U+FFFF
    stops
};

/// How many leading bytes need no look: eight at a time while they are printable ASCII, else one by one.
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some((eight, _)) = bytes[at..].split_first_chunk::<8>() {
        if !all_printable(u64::from_le_bytes(*eight)) {
            match eight.iter().position(|byte| STOPS[*byte as usize]) {
                Some(stop) => return at + stop,
                None => { /* letters beyond ASCII */ }
            }
        }
        at += 8;
    }
    bytes[at..].iter().position(|byte| STOPS[*byte as usize]).map_or(bytes.len(), |stop| at + stop)
}

/// Whether all eight bytes are printable ASCII other than `"` and `\`; a wrong "no" costs a second look only.
fn all_printable(eight: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let below = |limit: u8| eight.wrapping_sub(ONES * u64::from(limit)) & !eight;
    let equal = |byte: u8| {
        let difference = eight ^ (ONES * u64::from(byte));
        difference.wrapping_sub(ONES) & !difference
    };
    let delete_or_above = eight | eight.wrapping_add(ONES);
    (below(0x20) | equal(b'"') | equal(b'\\') | delete_or_above) & HIGHS == 0
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

    /// [S34] Control characters, bidi marks and line separators have one form: the shortest JSON escape.
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

    #[test]
    fn every_unsafe_character_begins_with_a_stop() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_unsafe(*c)) {
            assert!(STOPS[c.encode_utf8(&mut [0; 4]).as_bytes()[0] as usize], "{c:?}");
            assert!((c as u32) < 0x1_0000);
        }
    }

    /// [S34] A field has a size limit with a visible mark that tells how much is missing.
    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(encoded("0123456789", 10), "\"0123456789\"");
        assert_eq!(encoded("0123456789a", 10), "\"0123456789…[1 bytes cut]\"");
        assert_eq!(encoded("01234567\u{1}", 10), "\"01234567…[1 bytes cut]\"");
        assert_eq!(encoded("ééé", 5), "\"éé…[2 bytes cut]\"");
        assert_eq!(encoded("x", 0), "\"…[1 bytes cut]\"");
    }

    /// [S34] NaN and the infinities have one form.
    #[test]
    fn floats() {
        for (value, json) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (12.345, "12.345"),
            (1e300, "1e300"),
            (f64::NAN, "\"NaN\""),
            (-f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"Infinity\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            let mut out = Vec::new();
            float(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap().replace("e+", "e"), json);
        }
    }

    proptest! {
        /// [S34] Whatever the text, and however it arrives in pieces, the decoded string equals it.
        #[test]
        fn decodes_to_the_same_text(pieces in prop::collection::vec("(?s).*", 0..8)) {
            let mut out = Vec::new();
            let mut text = Text::open(&mut out, usize::MAX);
            pieces.iter().for_each(|piece| text.push(piece));
            text.close();
            prop_assert!(out.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f));
            let decoded: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(decoded, pieces.concat());
        }

        /// [S34] At most `limit` encoded bytes and a mark, still a JSON string, still a prefix of the text.
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
