//! Object members and arrays. An array is cut after a number of items, or where the room ends.

use crate::json::number::integer;

/// The number of items of an array that are written; a mark counts the others.
pub(crate) const MAX_ITEMS: usize = 16;

/// No item is begun with less room than this, in bytes: its first character might not fit.
pub(crate) const MIN_ROOM: usize = 6;

/// Appends the key of a member that is not the first.
pub(crate) fn member(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends an array that ends when `out` has about `end` bytes. Its last item counts the items that are missing.
pub(crate) fn array<T>(
    out: &mut Vec<u8>,
    end: usize,
    mut items: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.push(b'[');
    let mut written = 0;
    while written < MAX_ITEMS && out.len() + MIN_ROOM <= end {
        let Some(item) = items.next() else { break };
        if written > 0 {
            out.push(b',');
        }
        write(out, item);
        written += 1;
    }
    let more = items.count();
    if more > 0 {
        out.extend_from_slice(if written > 0 { ",\"…[" } else { "\"…[" }.as_bytes());
        integer(out, more);
        out.extend_from_slice(b" more]\"");
    }
    out.push(b']');
}

/// Appends a member with an array, unless the array is empty.
pub(crate) fn array_member<T>(
    out: &mut Vec<u8>,
    end: usize,
    key: &str,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        member(out, key);
        array(out, end, items, write);
    }
}
