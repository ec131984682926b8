//! The records that the log writes about itself.

use tracing::Level;

use crate::encode::callsite::level_member;
use crate::encode::timestamp;
use crate::json::number::integer;
use crate::sink::losses::LostLines;
use crate::sink::severity::Severity;

/// Appends the line that says which lines are missing: the event `log.records_lost`.
pub(crate) fn write_losses(out: &mut Vec<u8>, lost: &LostLines) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    timestamp::append_now(out);
    out.extend_from_slice(level_member(Level::WARN));
    out.push(b'"');
    integer(out, lost.lines());
    out.extend_from_slice(if lost.lines() == 1 {
        &b" log line was lost"[..]
    } else {
        b" log lines were lost"
    });
    out.extend_from_slice(b"\",\"target\":\"buttress::log\",\"event\":\"log.records_lost\"");
    let mut member = |name: &str, count: u64| {
        if count > 0 {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            integer(out, count);
        }
    };
    member("lost", lost.lines());
    for (severity, name) in [
        (Severity::Error, "queue_full_error"),
        (Severity::Warn, "queue_full_warn"),
        (Severity::Info, "queue_full_info"),
        (Severity::Debug, "queue_full_debug"),
        (Severity::Trace, "queue_full_trace"),
    ] {
        member(name, lost.queue_full[severity]);
    }
    member("write_errors", lost.write_errors);
    member("torn", lost.torn);
    member("writer_panics", lost.writer_panics);
    member("reentrant", lost.reentrant);
    out.extend_from_slice(b"}\n");
}
