//! The records about what was not logged: `log.suppressed`.

use buttress_error::is_secret;

use crate::config::TARGET;
use crate::volume::byte_limit::Dropped;
use crate::volume::counters::{Subject, Summary};

pub(super) fn emit_suppressed(summary: &Summary, key: Option<&'static str>) {
    let suppressed = summary.suppressed;
    match &summary.subject {
        Subject::Callsite(metadata, label) => {
            // Its name is not that of the field, so its value is hidden here.
            let value = key.map(|key| if is_secret(key) { "[redacted]" } else { label.as_str() });
            tracing::warn!(
                target: TARGET,
                event = "log.suppressed",
                suppressed,
                reason = "sampling",
                of_target = metadata.target(),
                of_level = metadata.level().as_str(),
                file = metadata.file(),
                line = metadata.line(),
                key,
                value = value.filter(|value| !value.is_empty()),
                "log records suppressed"
            );
        }
        Subject::Others => {
            tracing::warn!(
                target: TARGET,
                event = "log.suppressed",
                suppressed,
                reason = "sampling_of_others",
                key,
                "log records suppressed"
            );
        }
    }
}

pub(super) fn emit_dropped(dropped: Dropped) {
    tracing::warn!(
        target: TARGET,
        event = "log.suppressed",
        suppressed = dropped.lines,
        reason = "bytes_per_second",
        bytes = dropped.bytes,
        "log records suppressed"
    );
}
