//! Reads our own lines back: just enough JSON to split an object or an array without copying.

/// Iterates over the members of an object: the text of each key without its quotes, and the JSON text of its value. Stops at
/// the first byte that is not valid JSON.
pub(crate) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = inside(object, '{', '}');
    std::iter::from_fn(move || {
        let key = value(rest)?;
        let after = rest[key.len()..].strip_prefix(':')?;
        let value = value(after)?;
        rest = after[value.len()..].trim_start_matches(',');
        Some((inside(key, '"', '"'), value))
    })
}

/// Iterates over the items of an array, as JSON text.
pub(crate) fn items(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = inside(array, '[', ']');
    std::iter::from_fn(move || {
        let value = value(rest)?;
        rest = rest[value.len()..].trim_start_matches(',');
        Some(value)
    })
}

fn inside(text: &str, open: char, close: char) -> &str {
    text.trim_end().strip_prefix(open).and_then(|text| text.strip_suffix(close)).unwrap_or_default()
}

/// The JSON text of the value at the start of `text`.
fn value(text: &str) -> Option<&str> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut ended = false;
    let end = text.bytes().position(|byte| {
        let before = ended;
        match byte {
            _ if in_string && escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => {
                in_string = !in_string;
                ended = !in_string && depth == 0;
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                ended = depth == 0;
            }
            b',' | b':' if depth == 0 => return true,
            _ => {}
        }
        before
    });
    let value = &text[..end.unwrap_or(text.len())];
    (!value.is_empty() && !in_string && depth == 0).then_some(value)
}

/// The text of a JSON string without its quotes, still escaped; `None` if `value` is not a string.
pub(crate) fn string(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_line() {
        let line = "{\"a\":\"x,\\\"}y\",\"b\":{\"c\":[1,2]},\"d\":-1.5e3,\"e\":[],\"f\":\"\",\"g\":null}\n";
        assert_eq!(
            members(line).collect::<Vec<_>>(),
            [
                ("a", "\"x,\\\"}y\""),
                ("b", "{\"c\":[1,2]}"),
                ("d", "-1.5e3"),
                ("e", "[]"),
                ("f", "\"\""),
                ("g", "null")
            ]
        );
        assert_eq!(items("[\"a\",1,{\"b\":[2]}]").collect::<Vec<_>>(), ["\"a\"", "1", "{\"b\":[2]}"]);
        assert_eq!(items("[]").count(), 0);
        assert_eq!(string("\"x\""), Some("x"));
        assert_eq!(string("12"), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s).*") {
            members(&text).take(100).for_each(drop);
            items(&text).take(100).for_each(drop);
        }
    }
}
