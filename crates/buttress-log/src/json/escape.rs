//! Escaping: what JSON requires, and what could harm a terminal or a log viewer.

/// Appends `text`, escaped: what JSON requires, and every character that could move the cursor of a terminal, or reorder or
/// split the line in a viewer (see [`is_unsafe`]).
pub(super) fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let (mut copied, mut at) = (0, 0);
    loop {
        at += safe_prefix_len(&bytes[at..]);
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

/// Returns the text of what [`escape`] has written.
pub(crate) fn unescape(json: &[u8]) -> String {
    let json = String::from_utf8_lossy(json);
    let mut text = String::with_capacity(json.len());
    let mut rest = &*json;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escaped.chars();
        text.push(match chars.next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => {
                let code = chars.by_ref().take(4).fold(0, |code, c| code << 4 | c.to_digit(16).unwrap_or(0));
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(c) => c,
            None => break,
        });
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
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

/// The bytes that may begin a character to escape: ASCII characters, and the lead bytes of longer ones.
static MAY_NEED_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7f] = true;
    table[0xc2] = true; // U+0080 to U+00BF
    table[0xd8] = true; // U+0600 to U+063F
    table[0xe2] = true; // U+2000 to U+2FFF
    table[0xef] = true; // U+F000 to U+FFFF
    table
};

/// Returns the number of leading bytes that need no escape. Checks eight bytes at a time while they are printable ASCII.
fn safe_prefix_len(bytes: &[u8]) -> usize {
    let may_need_escape = |byte: &u8| MAY_NEED_ESCAPE[usize::from(*byte)];
    let mut at = 0;
    while let Some((eight, _)) = bytes[at..].split_first_chunk::<8>() {
        if !all_printable_ascii(u64::from_le_bytes(*eight))
            && let Some(stop) = eight.iter().position(may_need_escape)
        {
            return at + stop;
        }
        at += 8;
    }
    bytes[at..].iter().position(may_need_escape).map_or(bytes.len(), |stop| at + stop)
}

/// Returns `true` only if all eight bytes are printable ASCII other than `"` and `\`. A false negative is harmless: the bytes
/// are then checked one by one.
fn all_printable_ascii(eight: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES << 7;
    let below = |limit: u8| eight.wrapping_sub(ONES * u64::from(limit)) & !eight;
    let equal = |byte: u8| {
        let difference = eight ^ (ONES * u64::from(byte));
        difference.wrapping_sub(ONES) & !difference
    };
    let delete_or_above = eight | eight.wrapping_add(ONES);
    (below(0x20) | equal(b'"') | equal(b'\\') | delete_or_above) & HIGH_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_unsafe_character() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_unsafe(*c)) {
            assert!(MAY_NEED_ESCAPE[c.encode_utf8(&mut [0; 4]).as_bytes()[0] as usize], "{c:?}");
            assert!((c as u32) < 0x1_0000);
        }
    }
}
