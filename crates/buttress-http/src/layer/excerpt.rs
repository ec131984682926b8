//! The beginning of a response's body, as text for an error.

/// The number of characters that are shown.
const MAX: usize = 200;

/// Returns the first 200 characters on one line; `None` if the body is empty or not text.
pub(super) fn excerpt(body: &[u8]) -> Option<String> {
    let text = match str::from_utf8(body) {
        Ok(text) => text,
        // The body was cut in the middle of a character.
        Err(error) if error.error_len().is_none() => str::from_utf8(&body[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let mut shown = String::new();
    for word in text.split_whitespace() {
        if word.chars().any(char::is_control) {
            return None;
        }
        let left = MAX - shown.chars().count();
        if left <= 1 {
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.extend(word.chars().take(left - 1));
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_text_on_one_line() {
        assert_eq!(excerpt(b"  no such\r\n\torder ").unwrap(), "no such order");
        assert_eq!(excerpt("zu spät".as_bytes()).unwrap(), "zu spät");
        assert_eq!(excerpt(&"zu spä".as_bytes()[..6]).unwrap(), "zu sp", "cut in the middle of a character");
        let long = "word ".repeat(1_000);
        let shown = excerpt(long.as_bytes()).unwrap();
        assert!((195..=200).contains(&shown.chars().count()) && long.starts_with(&shown));
        assert!(excerpt("x".repeat(5_000).as_bytes()).unwrap().len() <= 200);
    }

    #[test]
    fn leaves_out_what_is_not_text() {
        for bytes in [&b""[..], b" \n", b"\x1f\x8b\x08", b"a\0b", b"\x1b[31mred", b"\xff\xfe"] {
            assert_eq!(excerpt(bytes), None, "{bytes:?}");
        }
    }
}
