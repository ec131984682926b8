//! Whatever is logged, a line stays valid. Faults of other libraries are named.

mod kit;

use std::fmt;

use buttress_log::test::capture;
use kit::{Hostile, log, log_one};
use proptest::prelude::*;
use serde_json::json;
use tracing::{error, info, info_span};

/// [S34] A `Display` that fails or panics is contained, and the next line is whole.
///
/// With tracing-subscriber 0.3 (JSON) and json-subscriber 0.3 it panics out of the log call and damages the next line.
#[test]
fn a_failing_display_is_contained() {
    let lines = log(|| {
        for hostile in [Hostile::Fails, Hostile::Panics, Hostile::PanicsWithBomb] {
            info!(before = 1, value = %hostile, debug = ?hostile, after = 2, "one");
            info!("{hostile}");
            let span = info_span!("s", value = %hostile, late = tracing::field::Empty).entered();
            span.record("late", tracing::field::display(&hostile));
            error!(error = &hostile as &dyn std::error::Error, "three");
        }
        info!("last");
    });
    for (at, mark) in [(0, "failed"), (3, "panicked"), (6, "panicked")] {
        let text = format!("half \"[display {mark}]");
        for value in [
            &lines[at]["value"],
            &lines[at]["debug"],
            &lines[at + 1]["message"],
            &lines[at + 2]["value"],
            &lines[at + 2]["late"],
            &lines[at + 2]["error"]["message"],
        ] {
            assert_eq!(*value, text, "{lines:#?}");
        }
        assert_eq!((&lines[at]["before"], &lines[at]["after"]), (&json!(1), &json!(2)));
    }
    assert_eq!(lines[9]["message"], "last");
    assert_eq!(lines.len(), 10);
}

/// [S34] A `Display` that logs by itself, or records into the span it is in, damages neither line.
#[test]
fn a_display_that_logs_is_contained() {
    struct Logs;
    impl fmt::Display for Logs {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!(inner = 1, "inner");
            tracing::Span::current().record("late", 5);
            f.write_str("shown")
        }
    }
    let lines = log(|| {
        let span = info_span!("s", late = tracing::field::Empty, value = tracing::field::Empty).entered();
        span.record("value", tracing::field::display(Logs));
        info!(outer = 1, by = %Logs, "outer");
    });
    let outer = lines.last().unwrap();
    assert_eq!(
        (&outer["message"], &outer["by"], &outer["outer"]),
        (&json!("outer"), &json!("shown"), &json!(1))
    );
    assert_eq!((&outer["late"], &outer["value"]), (&json!(5), &json!("shown")));
    assert!(lines[..lines.len() - 1].iter().all(|line| line["message"] == "inner" && line["inner"] == 1));
}

/// [S34] `level` and `target` can't be spoofed by a user's fields, as they can in json-subscriber 0.3 and in
/// tracing-subscriber 0.3 with flattened events.
#[test]
fn level_and_target_cannot_be_spoofed() {
    let line = log_one(|| {
        let _span = info_span!("s", level = "FATAL", target = "nowhere").entered();
        info!(level = "TRACE", target = "somewhere", "x");
    });
    assert_eq!((&line["level"], &line["target"]), (&json!("INFO"), &json!("hostile")));
}

/// [S35] The chain is there, which tracing-subscriber 0.3 and json-subscriber 0.3 lose.
#[test]
fn the_error_chain_is_kept() {
    let error = buttress_error::Error::new(buttress_error::Kind::Unavailable, "outer").caused_by(
        buttress_error::Error::new(buttress_error::Kind::Timeout, "middle")
            .caused_by(std::io::Error::other("root")),
    );
    let line = log_one(|| error!(error = &error as &dyn std::error::Error, "x"));
    assert_eq!(line["error"]["chain"], json!(["middle", "root"]));
}

/// [S34] A span field called `name` is there, once.
#[test]
fn a_span_field_called_name_is_kept() {
    let line = log_one(|| {
        let _span = info_span!("s", name = "ann").entered();
        info!("x");
    });
    assert_eq!(line["name"], "ann");
}

/// [S34] A field whose name has quotes or newlines is valid JSON.
#[test]
fn odd_names() {
    let line = log_one(|| info!("a\"b" = 1, "a\nb" = 2, "a\\" = 3, "" = 4, "x"));
    assert_eq!(
        (&line["a\"b"], &line["a\nb"], &line["a\\"], &line[""]),
        (&json!(1), &json!(2), &json!(3), &json!(4))
    );
}

proptest! {
    /// [S34] Any text, in any place, comes back equal, on one line of strict JSON.
    #[test]
    fn any_text_comes_back(message in "(?s).*", value in "(?s).*", span in "(?s).*", late in "(?s).*", chain in "(?s).*") {
        let lines = log(|| {
            let entered = info_span!("s", span = %span, late = tracing::field::Empty).entered();
            entered.record("late", &*late);
            let error = buttress_error::Error::wrap(buttress_error::Kind::Unknown, chain.clone()).note(chain.clone());
            error!(value, debug = ?value, error = &error as &dyn std::error::Error, "{message}");
            info!("next");
        });
        prop_assert_eq!(lines.len(), 2);
        let line = &lines[0];
        prop_assert_eq!(&line["message"], &message);
        prop_assert_eq!(&line["value"], &value);
        prop_assert_eq!(&line["debug"], &format!("{value:?}"));
        prop_assert_eq!(&line["span"], &span);
        prop_assert_eq!(&line["late"], &late);
        prop_assert_eq!(&line["error"]["message"], &chain);
        prop_assert_eq!(&line["error"]["notes"][0], &chain);
        prop_assert_eq!(&lines[1]["message"], "next");
    }

    /// [S34] Any bytes and any float make a line.
    #[test]
    fn any_bytes_and_floats(bytes: Vec<u8>, float: f64, integer: i128) {
        let logs = capture();
        info!(bytes = &*bytes, float, integer, "x");
        let line = logs.lines().remove(0);
        prop_assert_eq!(&kit::strict(line.as_str())["bytes"], &*String::from_utf8_lossy(&bytes));
        if float.is_finite() {
            // Not read by serde_json, which rounds the last digit by default.
            prop_assert_eq!(line.get("float").unwrap().parse(), Ok(float));
        }
    }
}
