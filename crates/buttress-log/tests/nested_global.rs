//! A nested value beside events of its own `Debug`. Alone in its process, because only a global subscriber gets such events.

mod kit;

use std::fmt;

use buttress_log::JsonLayer;
use buttress_log::field::json;
use buttress_log::test::LineBuffer;
use serde_json::json as value;
use tracing::info;
use tracing_subscriber::prelude::*;

/// Leaves its JSON, and then logs JSON.
struct Logs;

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&json(&["outer"]), f)?;
        info!(inner = json(&["inner"]), "inner");
        Ok(())
    }
}

/// [S34] JSON of one value is never taken for that of another.
#[test]
fn values_do_not_mix() {
    let lines = LineBuffer::default();
    tracing_subscriber::registry().with(JsonLayer::new(lines.clone())).init();
    info!(before = json(&[1]), outer = ?Logs, after = json(&[2]), "outer");
    let lines = kit::parse(&lines.bytes());
    let (outer, inner) = lines.split_last().unwrap();
    assert_eq!(
        (&outer["before"], &outer["outer"], &outer["after"]),
        (&value!([1]), &value!("[\"outer\"]"), &value!([2]))
    );
    assert!(!inner.is_empty() && inner.iter().all(|line| line["inner"] == value!(["inner"])), "{inner:?}");
}
