//! Records of the crate `log`: their own target and place, which `tracing` has as fields of the event.

use tracing::{Event, Metadata};
use tracing_log::NormalizeEvent;

use crate::encode::callsite::{append_location, append_target};

/// The fields that only describe the record.
const FIELDS: [&str; 4] = ["log.target", "log.module_path", "log.file", "log.line"];

/// Returns `true` if the events of this callsite may be records of the crate `log`.
pub(crate) fn may_be_record(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "log" && metadata.fields().field(FIELDS[0]).is_some()
}

/// Returns `true` for a field that only describes the record.
pub(crate) fn is_description(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// Returns the metadata of a record as if `tracing` had logged it, or `None` if the event is not a record.
pub(crate) fn metadata<'a>(event: &'a Event<'a>) -> Option<Metadata<'a>> {
    event.normalized_metadata()
}

/// Appends the target of a record and, with a location, its place. Returns `false` if the event is not a record.
pub(crate) fn append_source(out: &mut Vec<u8>, event: &Event<'_>, has_location: bool) -> bool {
    let Some(metadata) = metadata(event) else { return false };
    append_target(out, metadata.target());
    if let Some(place) = metadata.file().zip(metadata.line()).filter(|_| has_location) {
        append_location(out, place);
    }
    true
}
