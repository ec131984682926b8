//! The JSON names of Rust types: clients know objects and numbers, but not `struct Order` or `u64`.

use std::borrow::Cow;

/// Translates the expectations of serde's own implementations. Those of other types stay as they are.
pub(super) fn json_type(expected: &str) -> Cow<'static, str> {
    if let Some(integer) = expected.strip_prefix("a nonzero ") {
        return match range(integer) {
            Some(range) if integer.starts_with('u') => {
                format!("an integer in {}", range.replacen('0', "1", 1)).into()
            }
            Some(range) => format!("an integer in {range}, and not 0").into(),
            None => "an integer other than 0".into(),
        };
    }
    if let Some(range) = range(expected) {
        return format!("an integer in {range}").into();
    }
    match expected {
        "u128" | "i128" => return "an integer".into(),
        "f32" | "f64" => return "a number".into(),
        "unit" | "nothing" => return "null".into(),
        "option" => return "a value or null".into(),
        "a character" => return "a string of one character".into(),
        "a borrowed string" | "variant identifier" | "field identifier" | "path string" => {
            return "a string".into();
        }
        "a sequence" | "an array" | "bytes" | "byte array" | "a borrowed byte array" | "an empty array" => {
            return "an array".into();
        }
        "a map" => return "an object".into(),
        _ => {}
    }
    let starts = |names: &[&str]| names.iter().any(|name| expected.starts_with(name));
    if starts(&["unit struct ", "unit variant "]) {
        "null".into()
    } else if starts(&["a tuple of size ", "an array of length ", "tuple struct ", "tuple variant "]) {
        match expected.split_whitespace().find_map(|word| word.parse::<u64>().ok()) {
            Some(1) => "an array of 1 element".into(),
            Some(size) => format!("an array of {size} elements").into(),
            None => "an array".into(),
        }
    } else if starts(&["struct ", "struct variant ", "internally tagged enum ", "adjacently tagged enum "]) {
        "an object".into()
    } else if starts(&["enum ", "externally tagged enum "]) {
        "a string, or an object of one member".into()
    } else {
        expected.to_owned().into()
    }
}

fn range(integer: &str) -> Option<String> {
    macro_rules! ranges {
        ($($type:ident),+) => {
            match integer {
                $(stringify!($type) => Some(format!("{}..={}", $type::MIN, $type::MAX)),)+
                _ => None,
            }
        };
    }
    ranges!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize)
}

#[cfg(test)]
mod tests {
    use super::json_type;

    #[test]
    fn types_of_rust_become_types_of_json() {
        for (rust, json) in [
            ("u8", "an integer in 0..=255"),
            ("i16", "an integer in -32768..=32767"),
            ("u64", "an integer in 0..=18446744073709551615"),
            ("u128", "an integer"),
            ("a nonzero u8", "an integer in 1..=255"),
            ("a nonzero i8", "an integer in -128..=127, and not 0"),
            ("f32", "a number"),
            ("a boolean", "a boolean"),
            ("a string", "a string"),
            ("a character", "a string of one character"),
            ("unit", "null"),
            ("unit struct Nothing", "null"),
            ("option", "a value or null"),
            ("a sequence", "an array"),
            ("a tuple of size 2", "an array of 2 elements"),
            ("an array of length 1", "an array of 1 element"),
            ("tuple struct Point with 3 elements", "an array of 3 elements"),
            ("tuple struct Point", "an array"),
            ("tuple variant Shape::Point with 2 elements", "an array of 2 elements"),
            ("a map", "an object"),
            ("struct Order", "an object"),
            ("struct Order with 2 elements", "an object"),
            ("struct variant Ship::Fast", "an object"),
            ("internally tagged enum Shape", "an object"),
            ("enum Ship", "a string, or an object of one member"),
            ("variant identifier", "a string"),
            ("a date as in 2026-01-31", "a date as in 2026-01-31"),
        ] {
            assert_eq!(json_type(rust), json, "{rust}");
        }
    }
}
