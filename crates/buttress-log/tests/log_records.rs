//! Records of the crate `log`. Alone in its process, which has one logger.

mod kit;

use buttress_log::test::LineBuffer;
use buttress_log::{Config, Sink};
use serde_json::json;
use tracing::level_filters::LevelFilter;

/// [S34] A record has its own level, target and place, and none of the fields by which it travels; filters see its target, those
/// of a sink too.
#[test]
fn records_keep_their_target() {
    let (all, few) = (LineBuffer::default(), LineBuffer::default());
    let guard = Config::new()
        .level(LevelFilter::DEBUG)
        .target("noisy", LevelFilter::WARN)
        .with_log_records()
        .with_location()
        .sink(Sink::writer(all.clone()))
        .sink(Sink::writer(few.clone()).level(LevelFilter::OFF).target("dep::wanted", LevelFilter::INFO))
        .init()
        .unwrap();
    let span = tracing::info_span!("order", customer = 17).entered();
    log::warn!(target: "dep::wanted", "half \"{}\"", "full");
    log::debug!(target: "dep::wanted", "only in the first");
    log::info!(target: "noisy::part", "nowhere");
    log::trace!(target: "dep", "nowhere");
    let line = line!() + 1;
    log::error!("here");
    drop(span);
    // Not a record, although it looks like one.
    tracing::info!(target: "log", { log.target = "spoofed" }, "event");
    drop(guard);

    let lines = kit::parse(&all.bytes());
    let facts: Vec<_> =
        lines.iter().map(|line| (&line["level"], &line["target"], &line["message"])).collect();
    assert_eq!(
        facts,
        [
            (&json!("WARN"), &json!("dep::wanted"), &json!("half \"full\"")),
            (&json!("DEBUG"), &json!("dep::wanted"), &json!("only in the first")),
            (&json!("ERROR"), &json!("log_records"), &json!("here")),
            (&json!("INFO"), &json!("log"), &json!("event")),
        ]
    );
    for line in &lines[..3] {
        assert_eq!(line["customer"], 17);
        assert!(line.as_object().unwrap().keys().all(|key| !key.starts_with("log")), "{line}");
    }
    assert!(lines[2]["source_location"].as_str().unwrap().ends_with(&format!("tests/log_records.rs:{line}")));
    let few = kit::parse(&few.bytes());
    assert_eq!(few.len(), 1, "{few:?}");
    assert_eq!(few[0]["target"], "dep::wanted");

    let error = Config::new().with_log_records().init().unwrap_err();
    assert!(error.is_already_set());
}
