//! The schemas: members by the vendors' own rules, and never a key twice.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use allocation_counter::measure;
use buttress_context::{Context, RequestId, Trace};
use buttress_error::{Error, Kind};
use buttress_log::test::LineBuffer;
use buttress_log::{JsonLayer, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};
use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::prelude::*;

fn schemas() -> [Schema; 6] {
    [
        Schema::Native,
        Schema::Simple,
        Schema::Ecs,
        Schema::Gcp { project: Some("shop-1".into()) },
        Schema::Datadog,
        Schema::Otel,
    ]
}

/// The lines that `work` logs, each read by a parser that refuses duplicate keys, and their raw text.
fn log(schema: &Schema, work: impl FnOnce()) -> (Vec<Value>, String) {
    drop(buttress_log::test::capture()); // so that tests at the same time do not disable callsites for each other
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(schema.clone().writer(lines.clone())).with_location();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    (kit::parse(&lines.bytes()), String::from_utf8(lines.bytes()).unwrap())
}

fn failure() -> Error {
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Error::new(Kind::Timeout, "gateway \"pay\"\ndid not answer").caused_by(reset).note("while paying")
}

/// An ERROR with ids, fields and an error.
fn full_line(schema: &Schema) -> (Value, String) {
    let trace = Trace::from_ids(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1).unwrap();
    let cx = Context::current().with_trace(trace).with_request_id(RequestId::parse("req-1").unwrap());
    let (mut lines, text) = log(schema, || {
        cx.run(|| {
            let _span = info_span!("order", customer = 17).entered();
            error!(error = &failure() as &dyn std::error::Error, amount = 49.5, "payment failed");
        });
    });
    (lines.remove(0), text)
}

#[test]
fn simple() {
    let (line, _) = full_line(&Schema::Simple);
    let stack = line["traceback"].as_str().unwrap();
    assert!(
        stack.starts_with(
            "gateway \"pay\"\ndid not answer\ncaused by: connection reset\nnote: while paying\nat: "
        ),
        "{stack}"
    );
    for (key, value) in [
        ("level", json!("ERROR")),
        ("logger", json!("schemas")),
        ("msg", json!("payment failed")),
        ("exception", json!("gateway \"pay\"\ndid not answer")),
        ("customer", json!(17)),
        ("amount", json!(49.5)),
        ("request_id", json!("req-1")),
        ("span_id", json!("00f067aa0ba902b7")),
        ("trace_flags", json!("01")),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert!(line["ts"].as_str().unwrap().ends_with('Z'));
    assert!(line["source_location"].as_str().unwrap().contains("schemas.rs:"));
    assert!(line.get("message").is_none() && line.get("error").is_none());
}

/// By `spec/spec.json` of elastic/ecs-logging (commit 06041ee): the required fields, their types, their order, flat names, and
/// the names of labels.
#[test]
fn ecs() {
    let (line, text) = full_line(&Schema::Ecs);
    assert!(text.starts_with("{\"@timestamp\":\""), "{text}");
    let keys: Vec<_> = ["\"@timestamp\"", "\"log.level\"", "\"message\"", "\"ecs.version\""]
        .map(|key| text.find(key).unwrap())
        .into();
    assert!(keys.is_sorted(), "{text}");
    for (key, value) in [
        ("log.level", json!("ERROR")),
        ("message", json!("payment failed")),
        ("log.logger", json!("schemas")),
        ("trace.id", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
        ("span.id", json!("00f067aa0ba902b7")),
        ("http.request.id", json!("req-1")),
        ("error.type", json!("timeout")),
        ("error.message", json!("gateway \"pay\"\ndid not answer")),
        ("labels", json!({"customer": 17, "amount": 49.5})),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert!(
        line["ecs.version"].is_string()
            && line["error.stack_trace"].as_str().unwrap().contains("\ncaused by: ")
    );

    let (lines, _) = log(&Schema::Ecs, || {
        info!(a.b = 1, a_b = 2, "a*b" = 3, "x\\y\"z" = 4, "plain");
        info!("none");
    });
    assert_eq!(lines[0]["labels"], json!({"a_b_": 1, "a_b": 2, "a_b__": 3, "x_y\"z": 4}));
    assert!(lines[1].get("labels").is_none());
}

/// By Cloud Logging's special fields, and by Error Reporting's type.
#[test]
fn gcp() {
    let (line, _) = full_line(&Schema::Gcp { project: Some("shop-1".into()) });
    for (key, value) in [
        ("severity", json!("ERROR")),
        ("message", json!("payment failed")),
        (
            "@type",
            json!("type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"),
        ),
        ("logging.googleapis.com/trace", json!("projects/shop-1/traces/4bf92f3577b34da6a3ce929d0e0e4736")),
        ("logging.googleapis.com/spanId", json!("00f067aa0ba902b7")),
        ("logging.googleapis.com/trace_sampled", json!(true)),
        ("customer", json!(17)),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    let place = &line["logging.googleapis.com/sourceLocation"];
    assert!(place["file"].as_str().unwrap().ends_with("tests/schemas.rs"), "{place}");
    assert!(place["line"].as_str().unwrap().parse::<u32>().is_ok(), "{place}");
    assert_eq!(line["error"]["kind"], "timeout");
    let (lines, _) = log(&Schema::Gcp { project: None }, || {
        warn!("w");
        debug!("d");
    });
    assert_eq!((&lines[0]["severity"], &lines[1]["severity"]), (&json!("WARNING"), &json!("DEBUG")));
    assert!(lines[0].get("@type").is_none());
}

/// By "Connect OpenTelemetry Traces and Logs": ids are decimal numbers of the low 64 bits.
#[test]
fn datadog() {
    let (line, _) = full_line(&Schema::Datadog);
    for (key, value) in [
        ("status", json!("error")),
        ("message", json!("payment failed")),
        ("logger.name", json!("schemas")),
        ("dd.trace_id", json!("11803532876627986230")),
        ("dd.span_id", json!("67667974448284343")),
        ("http.request_id", json!("req-1")),
        ("error.kind", json!("timeout")),
        ("error.message", json!("gateway \"pay\"\ndid not answer")),
        ("customer", json!(17)),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert!(line["error.stack"].as_str().unwrap().contains("\nnote: while paying"));
}

/// By the log data model: fields of the record at the root, everything else in the attributes.
#[test]
fn otel() {
    let (line, _) = full_line(&Schema::Otel);
    for (key, value) in [
        ("SeverityText", json!("ERROR")),
        ("SeverityNumber", json!(17)),
        ("Body", json!("payment failed")),
        ("TraceId", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
        ("SpanId", json!("00f067aa0ba902b7")),
        ("TraceFlags", json!("01")),
        ("InstrumentationScope", json!({"Name": "schemas"})),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    let attributes = &line["Attributes"];
    assert_eq!((&attributes["customer"], &attributes["http.request.id"]), (&json!(17), &json!("req-1")));
    assert_eq!(attributes["exception.type"], "timeout");
    let nanos: u128 = line["Timestamp"].as_str().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert!(now - nanos < 60_000_000_000, "{nanos}");
    let (lines, _) = log(&Schema::Otel, || info!(a = 1, "fields alone"));
    assert_eq!(lines[0]["Attributes"], json!({"a": 1}));
}

/// [S34] A user's field that has the name of one of the schema's own gets an underscore, in every schema.
#[test]
fn reserved_names_cannot_be_spoofed() {
    for schema in schemas() {
        let (lines, text) = log(&schema, || {
            info!(
                "@timestamp" = 1,
                "log.level" = 2,
                ts = 3,
                msg = 4,
                logger = 5,
                severity = 6,
                time = 7,
                status = 8,
                "dd.trace_id" = 9,
                "@type" = 10,
                "exception.type" = 11,
                dropped_fields = 12,
                source_location = 13,
                severity_ = 14,
                "real"
            );
        });
        let line = &lines[0];
        assert_eq!(text.lines().count(), 1, "{schema:?}");
        let real = ["message", "msg", "Body"].iter().any(|key| line[*key] == "real");
        assert!(real, "{schema:?}: {text}");
        let own = match schema {
            Schema::Simple => ("ts_", 3),
            Schema::Gcp { .. } => ("severity__", 6),
            Schema::Datadog => ("status_", 8),
            _ => continue,
        };
        assert_eq!(line[own.0], own.1, "{schema:?}: {text}");
    }
}

/// A line in any schema allocates nothing once the thread has logged one.
#[test]
fn no_schema_allocates() {
    for schema in schemas() {
        let layer = JsonLayer::new(schema.clone().writer(std::io::sink));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _span = info_span!("order", customer = 17, ts = 1).entered();
            let failure = failure();
            let line =
                || error!(error = &failure as &dyn std::error::Error, status = 1, severity = "x", "failed");
            (0..3).for_each(|_| line());
            assert_eq!(measure(line).count_total, 0, "{schema:?}");
        });
    }
}

proptest! {
    /// [S34] Whatever the text: one line, no duplicate key, and the message is the same in every schema.
    #[test]
    fn every_line_is_one_line(message in "(?s).{0,40}", field in "(?s).{0,40}") {
        for schema in schemas() {
            let (lines, _) = log(&schema, || info!(ts = &*field, severity = 1, "{message}"));
            prop_assert_eq!(lines.len(), 1);
            let text = ["message", "msg", "Body"].iter().find_map(|key| lines[0].get(*key)).unwrap();
            prop_assert_eq!(text.as_str().unwrap(), message.as_str());
        }
    }
}

/// Text that is not a line of this crate passes through unchanged.
#[test]
fn other_text_passes_unchanged() {
    use std::io::Write;
    use tracing_subscriber::fmt::MakeWriter;

    let lines = LineBuffer::default();
    let writer = Schema::Ecs.writer(lines.clone());
    for text in [&b"not json\n"[..], b"\xff{}\n", b"{\"timestamp\":\"1\"}\n", b"{\"level\":1}\n"] {
        writer.make_writer().write_all(text).unwrap();
    }
    assert_eq!(lines.bytes(), b"not json\n\xff{}\n{\"timestamp\":\"1\"}\n{\"level\":1}\n");
}
