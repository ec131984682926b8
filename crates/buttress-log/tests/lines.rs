//! The members of a line and their order.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::time::SystemTime;

use buttress_context::{Context, RequestId, Trace};
use buttress_error::{Error, Kind};
use buttress_log::{JsonLayer, Limits, NumberForms, test::capture};
use kit::{log, log_one, log_with};
use serde_json::{Value, json};
use tracing::{error, info, info_span, warn};
use tracing_subscriber::prelude::*;

/// [S36] The order: time, level, message, target, ids, context, spans from the outside in, event, error last.
#[test]
fn the_order_is_fixed() {
    let logs = capture();
    let cx = Context::current()
        .with_request_id(RequestId::random())
        .with_trace(Trace::random())
        .with_field("tenant", "acme");
    cx.run(|| {
        let _outer = info_span!("outer", customer = 17).entered();
        let _inner = info_span!("inner", order = 4).entered();
        let err = Error::new(Kind::Timeout, "no answer");
        error!(error = &err as &dyn std::error::Error, amount = 4999, "payment failed");
    });
    let lines = logs.lines();
    assert_eq!(
        lines[0].keys().collect::<Vec<_>>(),
        [
            "timestamp",
            "level",
            "message",
            "target",
            "request_id",
            "trace_id",
            "span_id",
            "trace_flags",
            "tenant",
            "customer",
            "order",
            "amount",
            "error"
        ]
    );
    assert!(lines[0].as_str().starts_with("{\"timestamp\":\"2"));
}

/// [S36] Context and span fields are at the root, with the ids of the call.
#[test]
fn context_and_spans_are_at_the_root() {
    let id = RequestId::parse("req-1").unwrap();
    let trace = Trace::random();
    let line = log_one(|| {
        Context::current().with_request_id(id).with_trace(trace).with_field("shard", 3).run(|| {
            let _span = info_span!("s", customer = "ann").entered();
            info!("hello");
        });
    });
    assert_eq!(line["request_id"], "req-1");
    assert_eq!(line["trace_id"], trace.trace_id().to_string());
    assert_eq!(line["span_id"], trace.span_id().to_string());
    assert_eq!(
        (&line["shard"], &line["customer"], &line["target"]),
        (&json!(3), &json!("ann"), &json!("lines"))
    );
}

/// [S36] The inner one wins: event over span over outer span over context.
#[test]
fn the_inner_field_wins() {
    let lines = log(|| {
        Context::current().with_field("a", 0).with_field("b", 0).with_field("z", 0).run(|| {
            let _outer = info_span!("outer", a = 1, b = 1, c = 1, d = 1).entered();
            let _inner = info_span!("inner", b = 2, c = 2).entered();
            info!(c = 3, "x");
            info!("y");
        });
    });
    let fields = |at: usize| ["a", "b", "c", "d", "z"].map(|name| lines[at][name].as_i64().unwrap());
    assert_eq!((fields(0), fields(1)), ([1, 2, 3, 1, 0], [1, 2, 2, 1, 0]));
}

/// [S36] A field that has no value hides nothing.
#[test]
fn an_empty_field_hides_nothing() {
    let line = log_one(|| {
        let _outer = info_span!("outer", a = 1, b = 1).entered();
        let _inner = info_span!("inner", a = tracing::field::Empty).entered();
        info!(b = None::<u32>, "x");
    });
    assert_eq!((&line["a"], &line["b"]), (&json!(1), &json!(1)));
}

/// [S36] A later record is seen by events in the span and in spans inside it that exist already.
#[test]
fn late_records_are_seen() {
    let lines = log(|| {
        let outer = info_span!("outer", user = tracing::field::Empty, n = 0).entered();
        let inner = info_span!("inner", n = 1, m = tracing::field::Empty).entered();
        info!("before");
        outer.record("user", "ann");
        outer.record("n", 7);
        info!("after");
        inner.record("m", 2);
        inner.record("n", 3);
        info!("own");
        let _innermost = info_span!("innermost").entered();
        outer.record("user", "bob");
        info!("two below");
    });
    let fields = |at: usize| (lines[at]["user"].as_str(), lines[at]["n"].as_i64(), lines[at]["m"].as_i64());
    assert_eq!(fields(0), (None, Some(1), None));
    assert_eq!(fields(1), (Some("ann"), Some(1), None));
    assert_eq!(fields(2), (Some("ann"), Some(3), Some(2)));
    assert_eq!(fields(3), (Some("bob"), Some(3), Some(2)));
}

/// [S36] An explicit parent, of an event or of a span, is the parent; none means none.
#[test]
fn explicit_parents_are_followed() {
    let lines = log(|| {
        let asked = info_span!("asked", which = "asked");
        let _current = info_span!("current", which = "current", current = true).entered();
        info!(parent: &asked, "explicit");
        info!(parent: None, "root");
        info!("contextual");
        let _child = info_span!(parent: &asked, "child", child = 1).entered();
        info!("in a child of it");
        let _root = info_span!(parent: None, "root span", root = 1).entered();
        info!("in a root");
    });
    let which: Vec<_> = lines.iter().map(|line| line["which"].as_str()).collect();
    assert_eq!(which, [Some("asked"), None, Some("current"), Some("asked"), None]);
    assert_eq!((&lines[3]["child"], &lines[3]["current"]), (&json!(1), &json!(null)));
}

/// [S34] Our names can't be spoofed: a user's field of such a name gets an underscore, in events, spans and context.
#[test]
fn reserved_names_are_ours() {
    let line = log_one(|| {
        Context::current().with_field("level", "cx").with_field("error", "cx").run(|| {
            let _span = info_span!("s", message = "span", error = "span", request_id = "span", timestamp = 1)
                .entered();
            warn!(
                level = "INFO",
                target = "evil",
                trace_id = "evil",
                span_id = "evil",
                dropped_fields = 9,
                "real"
            );
        });
    });
    let expected = [
        ("level", "WARN"),
        ("message", "real"),
        ("target", "lines"),
        ("level_", "INFO"),
        ("target_", "evil"),
        ("trace_id_", "evil"),
        ("span_id_", "evil"),
        ("message_", "span"),
        ("error_", "span"),
        ("request_id_", "span"),
    ];
    expected.iter().for_each(|(name, value)| assert_eq!(line[name], *value, "{name} in {line}"));
    for absent in ["request_id", "trace_id", "span_id", "error", "dropped_fields"] {
        assert!(line.get(absent).is_none(), "{absent} in {line}");
    }
}

/// [S34] A name that occurs twice in one event makes two keys.
#[test]
fn duplicate_names_get_an_underscore() {
    let line = log_one(|| info!(a = 1, a = 2, a_ = 3, "x"));
    assert_eq!((&line["a"], &line["a_"], &line["a__"]), (&json!(1), &json!(2), &json!(3)));
}

/// [S34] Every type of value has one form.
#[test]
fn values() {
    let line = log_one(|| {
        info!(
            small = -1i8,
            big = u64::MAX,
            fits = 7u128,
            fits_too = -7i128,
            above = i128::from(u64::MAX),
            huge = u128::MAX,
            tiny = i128::MIN,
            float = 0.1,
            nan = f64::NAN,
            infinite = f64::NEG_INFINITY,
            yes = true,
            text = "a\u{2028}b",
            debug = ?Some("x"),
            bytes = &b"\xffok\xe0\xff"[..],
            none = None::<u32>,
            "{}", "done"
        );
    });
    let expected = json!({
        "small": -1, "big": u64::MAX, "fits": 7, "fits_too": -7, "above": u64::MAX, "huge": u128::MAX.to_string(),
        "tiny": i128::MIN.to_string(), "float": 0.1, "nan": "NaN", "infinite": "-Infinity", "yes": true,
        "text": "a\u{2028}b", "debug": "Some(\"x\")", "bytes": "\u{fffd}ok\u{fffd}\u{fffd}", "message": "done"
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(line[name], *value, "{name}");
    }
    assert!(line.get("none").is_none());
}

/// [S34] Bytes have the same form in a span.
#[test]
fn span_and_event_agree() {
    let line = log_one(|| {
        let _span = info_span!("s", a = &b"\xff1"[..], c = u128::MAX, e = f64::INFINITY).entered();
        info!(b = &b"\xff1"[..], d = u128::MAX, f = f64::INFINITY, "x");
    });
    assert_eq!((&line["a"], &line["c"], &line["e"]), (&line["b"], &line["d"], &line["f"]));
}

/// The message is a string wherever and whatever it is, and always there.
#[test]
fn messages() {
    let lines = log(|| {
        info!(a = 1, message = 5);
        info!(a = 1);
        info!(message = "plain", a = 1);
        info!("{{}} {}", 1);
    });
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["5", "", "plain", "{} 1"]);
}

/// [S35] An error is an object at the end of the line, also when it is only text; under another name too.
#[test]
fn errors_are_objects() {
    let lines = log(|| {
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        error!(error = &io as &dyn std::error::Error, after = 1, "x");
        error!(error = %io, "x");
        error!(error = 7, "x");
        error!(cause = &io as &dyn std::error::Error, "x");
    });
    assert_eq!(lines[0]["error"]["kind"], "unavailable");
    assert_eq!(lines[1]["error"], json!({"message": "connection reset"}));
    assert_eq!(lines[2]["error"], json!({"message": "7"}));
    assert_eq!(lines[3]["cause"]["kind"], "unavailable");
}

/// [S38] A secret by its name appears in no line: event, span, record, context, of any type.
#[test]
fn secrets_are_redacted_by_name() {
    let lines = log(|| {
        Context::current().with_field("session_token", "hunter2").run(|| {
            let span = info_span!("s", password = "hunter2", pwd = tracing::field::Empty).entered();
            span.record("pwd", "hunter2");
            let err = std::io::Error::other("hunter2");
            info!(
                api.key = "hunter2",
                otp = 123_456,
                secret = &err as &dyn std::error::Error,
                max_tokens = 5,
                "x"
            );
        });
    });
    let text = lines[0].to_string();
    assert!(!text.contains("hunter2") && !text.contains("123456"), "{text}");
    for name in ["session_token", "password", "pwd", "api.key", "otp", "secret"] {
        assert_eq!(lines[0][name], "[redacted]", "{name}");
    }
    assert_eq!(lines[0]["max_tokens"], 5);
    let open = log_with(JsonLayer::without_redaction, || info!(password = "visible", "x"));
    assert_eq!(open[0]["password"], "visible");
}

/// [S34] A record never exceeds its limit; what had no place is counted, the error and the event's fields stay.
#[test]
fn a_record_has_a_limit() {
    let limits = Limits::new(1_000, 2 * 1_000 + 8_192).unwrap();
    let long = "\u{1}".repeat(5_000);
    let lines = buttress_log::test::LineBuffer::default();
    let layer = JsonLayer::new(lines.clone()).limits(limits);
    let losses = layer.losses();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let _a = info_span!("a", a = %long, b = %long, c = %long, d = %long, e = %long, f = %long, g = %long)
            .entered();
        let _b = info_span!("b", h = %long, i = %long, j = %long, k = %long, l = %long).entered();
        let err = Error::new(Kind::Internal, long.clone())
            .note(long.clone())
            .caused_by(std::io::Error::other(&*long));
        Context::current().with_field("m", &*long).run(|| {
            error!(error = &err as &dyn std::error::Error, n = %long, o = %long, w = %long, x = %long, y = %long, p = 1, "{long}");
            error!(q = %long, r = %long, s = %long, t = %long, u = %long, v = 1, "x");
        });
    });
    let bytes = lines.bytes();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.len() <= limits.line(), "{} bytes", line.len());
    }
    let parsed = kit::parse(&bytes);
    assert_eq!((&parsed[0]["p"], &parsed[1]["v"]), (&json!(1), &json!(1)));
    assert!(parsed[0]["n"].as_str().unwrap().ends_with(" bytes cut]"));
    assert!(parsed[0]["error"]["message"].is_string());
    let dropped: Vec<_> = parsed.iter().map(|line| line["dropped_fields"].as_u64().unwrap()).collect();
    assert!(dropped.iter().all(|dropped| *dropped > 0));
    assert_eq!(losses.dropped_fields(), dropped.iter().sum::<u64>());
}

/// [S34] Fields are dropped from the outside, context first: what is nearest to the event stays.
#[test]
fn the_outer_ones_are_dropped_and_counted() {
    let limits = Limits::new(1_000, 2 * 1_000 + 8_192).unwrap();
    let long = "x".repeat(900);
    let lines = log_with(
        |layer| layer.limits(limits),
        || {
            Context::current().with_field("a", &*long).with_field("b", &*long).run(|| {
                let outer = info_span!("outer", c = %long, d = tracing::field::Empty, e = %long).entered();
                let _inner = info_span!("inner", f = %long, g = %long, h = 1).entered();
                outer.record("d", &*long);
                info!(i = 1, "x");
                outer.record("d", &*long);
                info!(i = %long, j = %long, k = %long, l = %long, error = %long, "{long}");
                info!("x");
            });
        },
    );
    let present = |at: usize| {
        "abcdefghijkl".chars().filter(|name| lines[at].get(name.to_string()).is_some()).collect::<String>()
    };
    for (at, expected, all) in [(0, "abdefghi", 9), (1, "bdefghijkl", 12), (2, "abdefgh", 8)] {
        assert_eq!(present(at), expected);
        assert_eq!(lines[at]["dropped_fields"], all - expected.len() as u64, "line {at}");
    }
}

/// Two layers of one registry keep their fields apart.
#[test]
fn two_layers_do_not_mix() {
    let (one, two) = (buttress_log::test::LineBuffer::default(), buttress_log::test::LineBuffer::default());
    let subscriber = tracing_subscriber::registry()
        .with(JsonLayer::new(one.clone()))
        .with(JsonLayer::new(two.clone()).without_redaction());
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("s", password = "p", late = tracing::field::Empty).entered();
        let _inner = info_span!("inner").entered();
        span.record("late", 1);
        info!("x");
    });
    let (one, two) = (kit::parse(&one.bytes()), kit::parse(&two.bytes()));
    assert_eq!((&one[0]["password"], &two[0]["password"]), (&json!("[redacted]"), &json!("p")));
    assert_eq!((&one[0]["late"], &two[0]["late"]), (&json!(1), &json!(1)));
}

/// A writer's error is counted.
#[test]
fn write_errors_are_counted() {
    let layer = JsonLayer::new(|| kit::Broken);
    let losses = layer.losses();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info!("x");
        info!("y");
    });
    assert_eq!(losses.write_errors(), 2);
}

/// One line is one write.
#[test]
fn one_write_a_line() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static WRITES: AtomicUsize = AtomicUsize::new(0);
    struct Counting;
    impl std::io::Write for Counting {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            assert!(line.ends_with(b"}\n"));
            WRITES.fetch_add(1, Ordering::Relaxed);
            Ok(line.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let subscriber = tracing_subscriber::registry().with(JsonLayer::new(|| Counting));
    tracing::subscriber::with_default(subscriber, || {
        let _span = info_span!("s", a = 1).entered();
        info!(b = 2, "x");
    });
    assert_eq!(WRITES.load(Ordering::Relaxed), 1);
}

/// The time is the wall clock's, in UTC to the microsecond.
#[test]
fn the_time_is_now() {
    let line = log_one(|| info!("x"));
    let text = line["timestamp"].as_str().unwrap();
    assert_eq!((text.len(), &text[26..]), (27, "Z"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let second: u64 = text[17..19].parse().unwrap();
    assert!((now % 60).abs_diff(second) <= 2 || (now % 60).abs_diff(second) >= 58, "{text}");
}

/// [S38] A measure is no secret in an event, a span, a context, a late record or an error; a text of that name is.
#[test]
fn measures_are_not_redacted() {
    let error = Error::new(Kind::Internal, "x").attr("tokens_in", 5).attr("pin", 1234).attr("api_keys", "k1");
    let line = log_one(|| {
        Context::current().with_field("audio_tokens", 7).with_field("cvv", 123).run(|| {
            let span = info_span!("s", auth_duration_ms = 1.5, otp = 1, tokens_out = tracing::field::Empty)
                .entered();
            span.record("tokens_out", 9);
            let cause = &error as &(dyn std::error::Error + 'static);
            info!(
                cause,
                session_active = true,
                render_pass = 2,
                token_bucket = "api",
                tokens = "t0k",
                password = 12_345,
                "x"
            );
        });
    });
    for (name, value) in [
        ("audio_tokens", json!(7)),
        ("auth_duration_ms", json!(1.5)),
        ("tokens_out", json!(9)),
        ("session_active", json!(true)),
        ("render_pass", json!(2)),
        ("token_bucket", json!("api")),
        ("cvv", json!("[redacted]")),
        ("otp", json!("[redacted]")),
        ("tokens", json!("[redacted]")),
        ("password", json!("[redacted]")),
    ] {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert_eq!(
        line["cause"]["attrs"],
        json!({"tokens_in": 5, "pin": "[redacted]", "api_keys": "[redacted]"})
    );
}

/// [S34] Numbers that some readers cannot read have another form on request, whatever their type; the others stay.
#[test]
fn numbers_have_other_forms_on_request() {
    let forms = NumberForms::new().non_finite_as_null().large_integers_as_text();
    let lines = log_with(
        |layer| layer.number_forms(forms),
        || {
            info!(
                nan = f64::NAN,
                infinite = -f64::INFINITY,
                finite = 1.5,
                safe = 1_u64 << 53,
                large = (1_u64 << 53) + 1,
                negative = -(1_i64 << 53) - 1,
                wide = (1_i128 << 60),
                wider = (1_u128 << 63) + 1,
                small = 17_i128,
                text = "NaN",
                "numbers"
            );
        },
    );
    let line = &lines[0];
    assert_eq!((&line["nan"], &line["infinite"], &line["finite"]), (&Value::Null, &Value::Null, &1.5.into()));
    assert_eq!((&line["safe"], &line["small"]), (&(1_u64 << 53).into(), &17.into()));
    assert_eq!(line["large"], "9007199254740993");
    assert_eq!(line["negative"], "-9007199254740993");
    assert_eq!(
        (&line["wide"], &line["wider"]),
        (&"1152921504606846976".into(), &"9223372036854775809".into())
    );
    assert_eq!(line["text"], "NaN");
}
