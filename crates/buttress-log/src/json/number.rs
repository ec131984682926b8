//! Numbers.

/// Appends an integer.
pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a number, or one of the strings `"NaN"`, `"Infinity"` and `"-Infinity"` as in protobuf's JSON mapping.
pub(crate) fn float<F: zmij::Float + Into<f64> + Copy>(out: &mut Vec<u8>, value: F) {
    out.extend_from_slice(match value.into() {
        wide if wide.is_finite() => {
            return out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        }
        f64::INFINITY => b"\"Infinity\"",
        f64::NEG_INFINITY => b"\"-Infinity\"",
        _ => b"\"NaN\"",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
