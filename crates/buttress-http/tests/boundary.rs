//! Requests that are not what they should be: which field, and never what was in it.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code
#![allow(dead_code)] // the types are there to be read into

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;

use buttress_error::{Error, Kind};
use buttress_http::{Problem, read_json};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

const SECRET: &str = "hunter2";

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    items: Vec<Item>,
    #[serde(default)]
    prices: BTreeMap<String, u8>,
    #[serde(default)]
    by_shelf: BTreeMap<u32, u8>,
    #[serde(default)]
    ship: Ship,
    address: Option<Address>,
    ip: Option<IpAddr>,
    #[serde(default, rename = "callbackUrl")]
    callback_url: Wrapped,
}

#[derive(Debug, Default, Deserialize)]
struct Wrapped(Option<bool>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    amount: u8,
    size: Option<(u8, u8)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ship {
    #[default]
    Slow,
    Fast {
        days: u8,
    },
    At(u8),
}

#[derive(Debug, Deserialize)]
struct Address {
    street: String,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

/// The error's one violation; nothing planted is anywhere in it.
fn refused<T: DeserializeOwned + Debug>(body: &str) -> String {
    let error = read_json::<T>(body.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert_harmless(&error);
    let [violation] = error.violations() else { panic!("{error:?}") };
    violation.to_string()
}

fn assert_harmless(error: &Error) {
    let answer = Problem::from(error.clone()).to_response::<String>();
    let all = format!("{error} {error:#} {error:?} {:?} {}", error.safe(), answer.body());
    assert!(!all.contains(SECRET), "{all}");
    assert!(error.chain().next().is_none(), "a cause would reveal it");
}

/// [S38] Every way of being wrong names the field and the JSON type that is expected (line 45), and quotes nothing.
#[test]
fn what_is_wrong_is_named_and_not_shown() {
    let cases = [
        (r#"{"id":"hunter2","items":[]}"#, "id: expected an integer in 0..=18446744073709551615"),
        (r#"{"id":-1,"items":[]}"#, "id: expected an integer in 0..=18446744073709551615"),
        (r#"{"id":1.5,"items":[]}"#, "id: expected an integer in 0..=18446744073709551615"),
        (r#"{"id":1}"#, "items: is missing"),
        (r#"{"id":1,"items":"hunter2"}"#, "items: expected an array"),
        (
            r#"{"id":1,"items":[{"amount":1},{"amount":"hunter2"}]}"#,
            "items[1].amount: expected an integer in 0..=255",
        ),
        (r#"{"id":1,"items":[{"amount":1},{}]}"#, "items[1].amount: is missing"),
        (r#"{"id":1,"items":[{"amount":300}]}"#, "items[0].amount: expected an integer in 0..=255"),
        (
            r#"{"id":1,"items":[{"amount":1,"hunter2":1}]}"#,
            "items[0]: has an unknown field; known are: amount, size",
        ),
        (
            r#"{"id":1,"items":[{"amount":1,"size":[1,"hunter2"]}]}"#,
            "items[0].size[1]: expected an integer in 0..=255",
        ),
        (r#"{"id":1,"items":[{"amount":1,"size":[1]}]}"#, "items[0].size: expected an array of 2 elements"),
        (r#"{"id":1,"items":[],"prices":{"hunter2":"hunter2"}}"#, "prices.*: expected an integer in 0..=255"),
        (r#"{"id":1,"items":[],"by_shelf":{"7":"hunter2"}}"#, "by_shelf.*: expected an integer in 0..=255"),
        (
            r#"{"id":1,"items":[],"by_shelf":{"hunter2":7}}"#,
            "by_shelf: expected an integer in 0..=4294967295",
        ),
        (r#"{"id":1,"items":[],"ship":"hunter2"}"#, "ship: expected one of: slow, fast, at"),
        (
            r#"{"id":1,"items":[],"ship":{"fast":{"days":"hunter2"}}}"#,
            "ship.fast.days: expected an integer in 0..=255",
        ),
        (r#"{"id":1,"items":[],"ship":{"at":"hunter2"}}"#, "ship.at: expected an integer in 0..=255"),
        (r#"{"id":1,"items":[],"ship":"at"}"#, "ship.at: expected an object of one member, with its content"),
        (r#"{"id":1,"items":[],"ship":{"slow":"hunter2"}}"#, "ship.slow: expected null"),
        (r#"{"id":1,"items":[],"ship":{"hunter2":1}}"#, "ship: expected one of: slow, fast, at"),
        (r#"{"id":1,"items":[],"ship":{"fast":{}}}"#, "ship.fast.days: is missing"),
        (r#"{"id":1,"items":[],"ship":["hunter2"]}"#, "ship: expected a string, or an object of one member"),
        (
            r#"{"id":1,"items":[],"address":{"street":"a","hunter2":"hunter2"}}"#,
            "address: expected an integer in 0..=255",
        ),
        (r#"{"id":1,"items":[],"ip":"hunter2"}"#, "ip: is not valid"),
        (r#"{"id":1,"items":[],"callbackUrl":"hunter2"}"#, "callbackUrl: expected a boolean"),
        (r#"{"id":1,"id":2,"items":["hunter2"]}"#, "items[0]: expected an object"),
        (r#"{"id":1,"id":2,"items":[]}"#, "body: is not valid"),
        (r#""hunter2""#, "body: expected an object"),
        ("", "body: is not JSON (line 1, column 0)"),
        (r#"{"id":hunter2"#, "body: is not JSON (line 1, column 7)"),
        ("{\"id\":1,\n\"items\":[hunter2]}", "body: is not JSON (line 2, column 10)"),
        ("{} hunter2", "body: is not JSON (line 1, column 4)"),
    ];
    for (body, expected) in cases {
        if body.starts_with("{}") {
            assert_eq!(refused::<Wrapped2>(body), expected, "{body}");
        } else {
            assert_eq!(refused::<Order>(body), expected, "{body}");
        }
    }
    assert!(refused::<u8>(&"[".repeat(10_000)).starts_with("body: "));
}

#[derive(Debug, Deserialize)]
struct Wrapped2 {}

/// Words of a type's own are not trusted to be harmless.
#[test]
fn own_words_are_left_out() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Email(String);

    impl TryFrom<String> for Email {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            Err(format!("invalid type: string \"x\", expected {text} at line 1"))
        }
    }
    assert_eq!(refused::<Vec<Email>>(r#"["hunter2"]"#), "[0]: is not valid");
}

#[test]
fn good_bodies_are_read() {
    let body = r#"{"id":1,"items":[{"amount":1,"size":[1,2]}],"prices":{"a":1},"by_shelf":{"7":1},"ship":{"fast":{"days":1}},
        "address":{"street":"a","floor":3},"ip":"::1","callbackUrl":true,"unknown":null}"#;
    let order: Order = read_json(body.as_bytes()).unwrap();
    assert_eq!((order.id, order.items[0].size, order.by_shelf[&7]), (1, Some((1, 2)), 1));
}

#[test]
fn the_line_is_the_callers() {
    let error = read_json::<u8>(b"x").unwrap_err();
    assert!(error.location().unwrap().file().ends_with("boundary.rs"));
    assert_eq!(error.safe().to_string(), "body: is not JSON (line 1, column 1)");
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let secret = Just(serde_json::Value::from(SECRET));
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (0..300).prop_map(Into::into),
        secret,
    ];
    let name = prop::sample::select(vec![
        "id", "items", "amount", "size", "prices", "by_shelf", "ship", "fast", "days", "address", "street",
        "ip", SECRET, "slow", "7",
    ]);
    leaf.prop_recursive(5, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|list| list
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    /// [S38] whatever the body, nothing of it is in the error.
    #[test]
    fn any_tree_is_read_or_refused_without_a_word_of_it(tree in json()) {
        let body = tree.to_string();
        if let Err(error) = read_json::<Order>(body.as_bytes()) {
            assert_harmless(&error);
            prop_assert_eq!(error.violations().len(), 1);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        if let Err(error) = read_json::<Order>(&bytes) {
            prop_assert_eq!(error.kind(), Kind::InvalidArgument);
        }
    }
}

#[cfg(feature = "garde")]
mod by_rules {
    use buttress_http::{invalid, read_valid_json};
    use garde::{Path, Report, Validate};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Range {
        low: u8,
        high: u8,
    }

    impl Validate for Range {
        type Context = ();

        fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
            if self.low > self.high {
                report.append(parent().join("low"), garde::Error::new("more than high"));
                report.append(parent().join("high"), garde::Error::new("less than low"));
            }
        }
    }

    #[test]
    fn each_rule_that_is_broken_is_a_violation() {
        assert!(read_valid_json::<Range>(br#"{"low":1,"high":2}"#).is_ok());
        let error = read_valid_json::<Range>(br#"{"low":3,"high":2}"#).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
        let shown: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["low: more than high", "high: less than low"]);
        assert_eq!(error.safe().to_string(), "request is not valid");
        let error = read_valid_json::<Range>(br#"{"low":"hunter2","high":2}"#).unwrap_err();
        assert_eq!(error.violations()[0].to_string(), "low: expected an integer in 0..=255");
        assert_harmless(&error);
    }

    #[test]
    fn a_key_that_is_no_name_is_not_shown() {
        let path = |key: &'static str| Path::new("prices").join(key).join(3_usize);
        let shown = |path: Path| {
            let mut report = Report::new();
            report.append(path, garde::Error::new("x"));
            invalid(&report).violations()[0].field.clone()
        };
        assert_eq!(shown(path("bread")), "prices.bread[3]");
        for key in ["hunter2@example.org", "Bearer hunter2", "4111-1111", "a\nb", "é", "x[1]y", "[x]"] {
            assert!(!shown(path(key)).contains(key), "{key}");
            assert!(shown(path(key)).starts_with("prices.*"), "{key}: {}", shown(path(key)));
        }
        assert_eq!(shown(Path::empty()), "body");
    }
}

/// [S38] of an error that quotes only the place stays.
#[cfg(feature = "serde_path_to_error")]
#[test]
fn a_place_is_taken_over_without_the_words() {
    let read = |body: &str| {
        let error =
            serde_path_to_error::deserialize::<_, Order>(&mut serde_json::Deserializer::from_str(body));
        let error = buttress_http::invalid_at(&error.unwrap_err());
        assert_harmless(&error);
        error.violations()[0].field.clone()
    };
    assert_eq!(read(r#"{"id":1,"items":[{"amount":"hunter2"}]}"#), "items[0].amount");
    assert_eq!(read(r#"{"id":1,"items":[],"prices":{"hunter2@example.org":"hunter2"}}"#), "prices.*");
    assert_eq!(read(r#""hunter2""#), "body");
}
