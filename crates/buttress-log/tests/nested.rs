//! Values that serialize: objects and arrays in the line.

mod kit;

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use buttress_log::field::json;
use buttress_log::{JsonLayer, Limits, Redaction};
use kit::{log, log_one, log_with};
use proptest::prelude::*;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json as value};
use tracing::field::Empty;
use tracing::{error, info, info_span};
use tracing_subscriber::prelude::*;

#[derive(Serialize)]
struct Order {
    id: u64,
    customer: Customer,
    items: Vec<Item>,
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Customer {
    name: &'static str,
    password: &'static str,
}

#[derive(Serialize)]
enum Item {
    Gift,
    Sku(u32),
    Pair(u8, i8),
    Sized { width: f32, height: f64 },
}

fn order() -> Order {
    Order {
        id: 17,
        customer: Customer { name: "Ann\n", password: "hunter2" },
        items: vec![
            Item::Gift,
            Item::Sku(4),
            Item::Pair(1, -1),
            Item::Sized { width: 0.1, height: f64::INFINITY },
        ],
        note: None,
    }
}

/// [S34] A value that serializes is nested, in events, spans and late records. [S38] Secrets at any depth are redacted.
#[test]
fn a_value_is_nested() {
    let expected = value!({
        "id": 17,
        "customer": {"name": "Ann\n", "password": "[redacted]"},
        "items": ["Gift", {"Sku": 4}, {"Pair": [1, -1]}, {"Sized": {"width": 0.1, "height": "Infinity"}}],
        "note": null,
    });
    let line = log_one(|| {
        let span = info_span!("s", a = json(&order()), b = Empty).entered();
        span.record("b", json(&order()));
        info!(c = json(&order()), d = Some(json(&order())), after = 1, "x");
    });
    for name in ["a", "b", "c", "d"] {
        assert_eq!(line[name], expected, "{name}");
    }
    assert_eq!(line["after"], 1);
}

/// Scalars are scalars.
#[test]
fn scalars() {
    let line = log_one(|| {
        info!(
            a = json(&1u8),
            b = json(&-1.5f32),
            c = json("text"),
            d = json(&()),
            e = json(&true),
            f = json(&'x')
        );
        // (Fields only.)
    });
    assert_eq!((&line["a"], &line["b"], &line["c"]), (&value!(1), &value!(-1.5), &value!("text")));
    assert_eq!((&line["d"], &line["e"], &line["f"]), (&value!(null), &value!(true), &value!("x")));
    let line = log_one(|| info!(a = json(&u128::MAX), b = json(&i128::from(-5)), c = json(&u64::MAX)));
    assert_eq!(line["a"], value!(u128::MAX.to_string()));
    assert_eq!((&line["b"], &line["c"]), (&value!(-5), &value!(u64::MAX)));
}

/// [S34] No text passes for JSON, whatever it looks like and wherever it stands beside JSON.
#[test]
fn a_text_is_never_json() {
    struct Spoof;
    impl fmt::Debug for Spoof {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("{\"level\":\"ERROR\"}")
        }
    }
    /// Its text is formatted before, or behind, real JSON.
    struct Beside(&'static str, &'static str);
    impl fmt::Debug for Beside {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}{:?}{}", self.0, json(&[1]), self.1)
        }
    }
    /// Uses JSON for a text of its own.
    struct Own;
    impl fmt::Debug for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let text = format!("{:?}", json(&[1, 2]));
            write!(f, "own {text}")
        }
    }
    let line = log_one(|| {
        info!(
            spoof = ?Spoof, before = ?Beside("a", ""), behind = ?Beside("", "]"), some = ?Some(json(&[1])),
            twice = ?(json(&[1]), json(&[2])), own = ?Own, display = %"{\"a\":1}", text = "[1]", "x"
        );
    });
    for (name, text) in [
        ("spoof", "{\"level\":\"ERROR\"}"),
        ("before", "a[1]"),
        ("behind", "[1]]"),
        ("some", "Some([1])"),
        ("twice", "([1], [2])"),
        ("own", "own [1,2]"),
        ("display", "{\"a\":1}"),
        ("text", "[1]"),
    ] {
        assert_eq!(line[name], text, "{name}");
    }
    // In a message and in an error it is text.
    let line = log_one(|| error!(error = json(&[1]), "{:?}", json(&[2])));
    assert_eq!((&line["message"], &line["error"]), (&value!("[2]"), &value!({"message": "[1]"})));
}

/// A map with these keys, in this order.
struct Keys<'a>(&'a [&'a str]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (index, key) in self.0.iter().enumerate() {
            map.serialize_entry(key, &index)?;
        }
        map.end()
    }
}

/// [S34] The second of two equal keys gets an underscore, as the second of two fields does.
#[test]
fn no_key_twice() {
    let line = log_one(|| info!(a = json(&[Keys(&["x", "x", "x_", "y", "x"]), Keys(&["x", "…"])]), "x"));
    assert_eq!(line["a"], value!([{"x": 0, "x_": 1, "x__": 2, "y": 3, "x___": 4}, {"x": 0, "…_": 1}]));
    let long = "k".repeat(300);
    let line = log_one(|| info!(a = json(&Keys(&[&long, &long])), "x"));
    assert_eq!(line["a"].as_object().unwrap().len(), 2);
}

/// [S34] A `Serialize` that fails, panics, or breaks the rules of serde leaves a valid line.
#[test]
fn a_failing_serialize_is_contained() {
    enum Hostile {
        Fails,
        Panics,
        ValueWithoutKey,
        KeyWithoutValue,
        KeyIsAMap,
        Deep(u32),
    }
    impl Serialize for Hostile {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if let Self::Deep(depth) = self {
                return match depth {
                    0 => serializer.serialize_str("bottom"),
                    _ => serializer.collect_seq([Self::Deep(depth - 1)]),
                };
            }
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("before", &[1])?;
            match self {
                Self::Fails => return Err(S::Error::custom("no \"luck\"")),
                Self::Panics => panic!("a serialize that panics"),
                Self::ValueWithoutKey => map.serialize_value(&1)?,
                Self::KeyWithoutValue => {
                    map.serialize_key("a")?;
                    map.serialize_key("b")?;
                }
                Self::KeyIsAMap => map.serialize_entry(&Keys(&["x"]), &1)?,
                Self::Deep(_) => {}
            }
            map.end()
        }
    }
    let lines = log(|| {
        for hostile in [
            Hostile::Fails,
            Hostile::Panics,
            Hostile::ValueWithoutKey,
            Hostile::KeyWithoutValue,
            Hostile::KeyIsAMap,
            Hostile::Deep(100_000),
        ] {
            let span = info_span!("s", a = json(&hostile), late = Empty).entered();
            span.record("late", json(&hostile));
            info!(b = json(&[&hostile]), after = 2, "x");
        }
        info!("last");
    });
    for (line, expected) in lines.iter().zip([
        value!("[serialize failed] no \"luck\""),
        value!("[serialize panicked]"),
        value!("[serialize failed] a map has a value without a key"),
        value!({"before": [1], "a": null, "b": null}),
        value!("[serialize failed] the key of a map is not a text"),
    ]) {
        assert_eq!((&line["a"], &line["late"], &line["after"]), (&expected, &expected, &value!(2)));
    }
    assert!(lines[5]["a"].to_string().contains("[too deep]"), "{}", lines[5]);
    assert_eq!(lines[6]["message"], "last");
}

/// [S34] Items that do not fit are counted, and a long text is cut.
#[test]
fn a_large_value_is_cut() {
    let small = |layer: JsonLayer<_>| layer.limits(Limits::new(200, 16 << 10).unwrap());
    let map: BTreeMap<u32, u32> = (0..1_000).map(|n| (n, n)).collect();
    let many = vec![7u32; 10_000];
    let long = ["x".repeat(1_000)];
    let lines = log_with(small, || {
        info!(a = json(&map), b = json(&many), c = json(&long), d = json(&[(&long, &long)]), "x");
    });
    let line = &lines[0];
    let object = line["a"].as_object().unwrap();
    let more = format!("[{} more]", 1_000 - (object.len() - 1));
    assert_eq!(object["…"], more);
    let array = line["b"].as_array().unwrap();
    assert_eq!(array[array.len() - 1], format!("…[{} more]", 10_000 - (array.len() - 1)));
    assert!(line["c"][0].as_str().unwrap().ends_with(" bytes cut]"));
    for name in ["a", "b", "c", "d"] {
        assert!(line[name].to_string().len() < 300, "{name} {}", line[name]);
    }
}

/// [S38] Secrets in texts and keys, by path and by list.
#[test]
fn secrets_are_redacted() {
    let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let body = value!({
        "url": "postgres://app:s3cr3t@db", "list": [token], token: 1, "user": {"email": "a@b.cd", "name": "Ann"},
        "pin": 1234, "card": 4_242_424_242_424_242_u64, "max_tokens": 5, "headers": {"x-own": "1", "cookie": ["a"]},
    });
    let lines = log_with(
        |layer| {
            layer.redaction(Redaction::builder().hide(["user.email", "body.headers.x-*"]).build().unwrap())
        },
        || info!(body = json(&body), "x"),
    );
    let shown = &lines[0]["body"];
    let mark = value!("[redacted]");
    for secret in [
        &shown["list"][0],
        &shown["user"]["email"],
        &shown["pin"],
        &shown["card"],
        &shown["headers"]["x-own"],
        &shown["headers"]["cookie"],
    ] {
        assert_eq!(*secret, mark, "{shown}");
    }
    assert_eq!((&shown["user"]["name"], &shown["max_tokens"]), (&value!("Ann"), &value!(5)));
    assert_eq!(shown["[redacted]"], 1);
    assert!(!shown.to_string().contains("s3cr3t"));
    let only = |names: &[&str]| Redaction::builder().show_only(names.iter().copied()).build().unwrap();
    let lines = log_with(
        |layer| layer.redaction(only(&["body", "body.user", "body.user.name"])),
        || info!(body = json(&body), "x"),
    );
    assert_eq!(lines[0]["body"]["user"], value!({"email": mark, "name": "Ann"}));
    assert_eq!(lines[0]["body"]["max_tokens"], mark);
}

/// `Debug` is JSON.
#[test]
fn other_subscribers_see_text() {
    assert_eq!(format!("{:?}", json(&order().items[..2])), "[\"Gift\",{\"Sku\":4}]");
}

/// A nested value allocates nothing once the thread has logged one.
#[test]
fn nested_values_allocate_nothing() {
    let subscriber = tracing_subscriber::registry().with(JsonLayer::new(io::sink));
    tracing::subscriber::with_default(subscriber, || {
        let order = order();
        let log = || info!(order = json(&order), "paid");
        (0..3).for_each(|_| log());
        assert_eq!(allocation_counter::measure(log).count_total, 0);
    });
}

/// Any tree of values.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
        "(?s).{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("(?s).{0,4}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Serializes the members of all objects twice, and everything as a sequence of unknown length.
struct Doubled<'a>(&'a Value);

impl Serialize for Doubled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in members.iter().chain(members) {
                    map.serialize_entry(key, &Doubled(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(None)?;
                items.iter().try_for_each(|item| seq.serialize_element(&Doubled(item)))?;
                seq.end()
            }
            other => other.serialize(serializer),
        }
    }
}

proptest! {
    /// [S34] Any value comes back equal without redaction; with it, doubled and at any limit, the line is still valid.
    #[test]
    fn any_value_comes_back(value in tree(), limit in 64usize..400) {
        let lines = log_with(JsonLayer::without_redaction, || info!(value = json(&value), "x"));
        prop_assert_eq!(&lines[0]["value"], &value);
        let limited = |layer: JsonLayer<_>| layer.limits(Limits::new(limit, 16 << 10).unwrap());
        let lines = log_with(limited, || {
            info!(value = json(&Doubled(&value)), "x");
            info!("next");
        });
        prop_assert_eq!(lines.len(), 2);
        prop_assert_eq!(&lines[1]["message"], "next");
    }
}
