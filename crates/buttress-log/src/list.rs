//! Lists in JSON that are cut: after a number of items, and where the room ends.

/// How many items of a list are written; a mark tells of more.
pub(crate) const MAX_LIST: usize = 16;
/// With less room than this nothing more is begun: any character might not fit. So there is room for few marks only.
pub(crate) const LEAST: usize = 6;

/// Begins a member that is not the first.
pub(crate) fn member(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A list that ends where `out` has about `end` bytes; how many items are missing is its last.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    end: usize,
    mut items: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'[');
    let mut place = 0;
    while place < MAX_LIST && out.len() + LEAST <= end {
        let Some(item) = items.next() else { break };
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
        place += 1;
    }
    let more = items.count();
    if more > 0 {
        let comma = if place > 0 { "," } else { "" };
        out.extend_from_slice(format!("{comma}\"…[{more} more]\"").as_bytes());
    }
    out.push(b']');
}

/// The list, unless it is empty.
pub(crate) fn some<T>(
    out: &mut Vec<u8>,
    end: usize,
    key: &str,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        member(out, key);
        list(out, end, items, write);
    }
}
