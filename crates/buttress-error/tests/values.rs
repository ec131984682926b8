//! The one form of a value in text, in JSON and in the report.

use buttress_error::{Error, Kind, Value};

/// Numbers that JSON does not have are the same text everywhere.
#[test]
fn non_finite_numbers_have_one_form() {
    for (number, form) in
        [(f64::NAN, "NaN"), (-f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")]
    {
        let value = Value::from(number);
        assert_eq!(value.to_string(), form);
        assert_eq!(format!("{value:>12}").trim_start(), form);
        let error = Error::new(Kind::Internal, "x").attr("load", value.clone());
        assert!(error.report().to_string().contains(&format!("with: load = {form}")), "{error:?}");
        #[cfg(feature = "serde")]
        {
            let json = serde_json::to_value(&error).expect("it is valid");
            assert_eq!(json["attrs"]["load"], form);
        }
    }
    let narrow = Value::from(f32::INFINITY);
    assert_eq!(narrow.to_string(), "Infinity");
}

#[test]
fn finite_numbers_stay_numbers() {
    for (number, form) in [(0.5, "0.5"), (-3.0, "-3"), (1e300, &format!("{}", 1e300))] {
        assert_eq!(Value::from(number).to_string(), form);
        #[cfg(feature = "serde")]
        assert!(serde_json::to_value(Value::from(number)).expect("it is valid").is_f64());
    }
}

/// "A number where it fits 64 bits, else text."
#[test]
fn wide_integers_are_numbers_while_they_fit() {
    assert_eq!(Value::from(7_u128), Value::U64(7));
    assert_eq!(Value::from(u128::from(u64::MAX)), Value::U64(u64::MAX));
    assert_eq!(Value::from(u128::from(u64::MAX) + 1), Value::from("18446744073709551616"));
    assert_eq!(Value::from(-7_i128), Value::I64(-7));
    assert_eq!(Value::from(i128::from(i64::MIN)), Value::I64(i64::MIN));
    assert_eq!(Value::from(i128::from(u64::MAX)), Value::U64(u64::MAX));
    assert_eq!(Value::from(i128::from(i64::MIN) - 1), Value::from("-9223372036854775809"));
    assert_eq!(Value::from(i128::MAX), Value::from(i128::MAX.to_string()));
}

#[test]
fn a_character_is_text() {
    assert_eq!(Value::from('x'), Value::from("x"));
    assert_eq!(Value::from('ß').to_string(), "ß");
}
