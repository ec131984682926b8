//! The records of spans that close.

mod kit;

use std::time::Duration;

use buttress_log::test::LineBuffer;
use buttress_log::{JsonLayer, Schema};
use kit::{log, log_with};
use serde_json::json;
use tokio::time::advance;
use tracing::field::Empty;
use tracing::{debug_span, info, info_span};
use tracing_subscriber::prelude::*;

/// A record has the level, the target and the fields of its span, late ones and those around it too, and how long it was entered
/// and not. Recursion and other threads do not count twice.
#[tokio::test(start_paused = true)]
async fn a_closed_span_has_its_times() {
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(lines.clone()).with_span_records();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let pass = |millis| advance(Duration::from_millis(millis));
    let outer = info_span!("outer", tenant = "acme", step = 1).entered();
    let inner = debug_span!(target: "shop::pay", "pay", step = 2, status = Empty, busy_ms = 9);
    pass(10).await;
    {
        let _entered = inner.enter();
        pass(3).await;
        let _again = inner.enter();
        pass(4).await;
    }
    pass(5).await;
    inner.record("status", 200);
    drop(inner);
    drop(outer);
    let lines = kit::parse(&lines.bytes());
    assert_eq!(lines.len(), 2);
    let (pay, outer) = (&lines[0], &lines[1]);
    for (name, value) in [
        ("level", json!("DEBUG")),
        ("message", json!("span closed")),
        ("target", json!("shop::pay")),
        ("event", json!("span.closed")),
        ("span", json!("pay")),
        ("busy_ms", json!(7.0)),
        ("idle_ms", json!(15.0)),
        ("tenant", json!("acme")),
        ("step", json!(2)),
        ("status", json!(200)),
    ] {
        assert_eq!(pay[name], value, "{name} {pay}");
    }
    assert_eq!(
        (&outer["span"], &outer["busy_ms"], &outer["idle_ms"]),
        (&json!("outer"), &json!(22.0), &json!(0.0))
    );
}

/// Without the setting there are no such records, and with it they have the schema of the layer.
#[test]
fn records_are_opt_in_and_follow_the_schema() {
    let work = || drop(info_span!("s", a = 1).entered());
    assert_eq!(log(work).len(), 0);
    assert_eq!(log_with(JsonLayer::with_span_records, work).len(), 1);
    drop(buttress_log::test::capture());
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(Schema::Ecs.writer(lines.clone())).with_span_records();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    assert_eq!(kit::parse(&lines.bytes())[0]["labels"]["span"], "s");
}

/// A layer that replaces another one goes on measuring, and one that did not measure writes no record for an old span.
#[test]
fn a_reload_keeps_the_times() {
    for (first, records) in [(true, 1), (false, 0)] {
        let lines = LineBuffer::default();
        let layer = JsonLayer::new(lines.clone());
        let (layer, handle) =
            tracing_subscriber::reload::Layer::new(if first { layer.with_span_records() } else { layer });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = info_span!("s", a = 1);
            handle.reload(JsonLayer::new(lines.clone()).with_span_records()).unwrap();
            span.in_scope(|| info!("x"));
        });
        let lines = kit::parse(&lines.bytes());
        assert_eq!(lines.len(), 1 + records, "{lines:?}");
        assert!(lines.iter().all(|line| line["a"] == 1));
    }
}
