//! Just enough of base64 to see what credentials hold.

/// Returns the value of a digit of base64, of either alphabet.
const fn digit(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

/// Returns `true` if `text` is base64, and `is` returns `true` for one of the decoded bytes.
pub(super) fn decodes_to_any(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (mut bits, mut count, mut found) = (0u32, 0u32, false);
    for byte in &text[..text.len() - padding] {
        let Some(digit) = digit(*byte) else { return false };
        bits = bits << 6 | digit;
        count += 6;
        if count >= 8 {
            count -= 8;
            found |= is((bits >> count) as u8);
        }
    }
    found && padding <= 2
}
