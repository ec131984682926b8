//! Encoded fields: `,"key":value` one after another in one text, with the places of the keys.

use buttress_error::{is_secret, is_secret_number};

use crate::key::{Key, REDACTED};

/// Fields with unique keys, encoded once and copied from then on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    entries: Vec<Entry>,
    mask: u64,
    /// How many fields did not fit.
    pub(crate) dropped: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    /// Where the key ends and the value begins.
    value: u32,
    end: u32,
    bit: u8,
}

impl Fields {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.mask = 0;
        self.dropped = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Frees the text if it has grown beyond `keep` bytes.
    pub(crate) fn shrink(&mut self, keep: usize) {
        self.clear();
        self.text.shrink_to(keep);
    }

    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Adds a field with the value that `write` appends; an older one of the same key goes. If it makes the text
    /// longer than `max` bytes it is dropped and counted.
    pub(crate) fn add(&mut self, key: &Key, max: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.mask & key.bit != 0 {
            self.remove(&key.text);
        }
        let start = self.text.len();
        self.text.extend_from_slice(&key.text);
        let value = self.text.len();
        write(&mut self.text);
        if self.text.len() > max {
            self.text.truncate(start);
            self.dropped += 1;
            return;
        }
        self.push_entry(start, value, key.bit.trailing_zeros() as u8);
    }

    fn push_entry(&mut self, start: usize, value: usize, bit: u8) {
        self.mask |= 1 << bit;
        let end = self.text.len() as u32;
        self.entries.push(Entry { start: start as u32, value: value as u32, end, bit });
    }

    /// Takes a field out; its place among the fields. (The mask keeps its bit: it only ever promises absence.)
    fn remove(&mut self, key: &[u8]) -> Option<usize> {
        let place = self.entries.iter().position(|entry| self.key(entry) == key)?;
        let gone = self.entries.remove(place);
        self.text.drain(gone.start as usize..gone.end as usize);
        let len = gone.end - gone.start;
        for entry in &mut self.entries[place..] {
            entry.start -= len;
            entry.value -= len;
            entry.end -= len;
        }
        Some(place)
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.start as usize..entry.value as usize]
    }

    fn whole(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.start as usize..entry.end as usize]
    }

    fn hides(&self, from: usize, outer: &Self, entry: &Entry) -> bool {
        self.mask & 1 << entry.bit != 0
            && self.entries[from..].iter().any(|own| self.key(own) == outer.key(entry))
    }

    /// The fields, with a mark for the value of each secret name, for a layer that redacts. An object, which may have secret
    /// attributes, has the mark too; so does a value whose name is escaped.
    pub(crate) fn redacted(&self) -> Self {
        let mut redacted = Self { mask: self.mask, dropped: self.dropped, ..Self::default() };
        for entry in &self.entries {
            let key = self.key(entry);
            let name =
                std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(",\"")?.strip_suffix("\":"));
            let value = &self.text[entry.value as usize..entry.end as usize];
            let number = !value.starts_with(b"\"");
            let is_secret = |name| if number { is_secret_number(name) } else { is_secret(name) };
            let open = name.is_some_and(|name| !name.contains('\\') && !is_secret(name));
            let start = redacted.text.len();
            redacted.text.extend_from_slice(key);
            let at = redacted.text.len();
            let shown = if open && !value.starts_with(b"{") { value } else { REDACTED.as_bytes() };
            redacted.text.extend_from_slice(shown);
            redacted.push_entry(start, at, entry.bit);
        }
        redacted
    }

    /// Sets every field of `newer`; how many of the first `boundary` fields gave way.
    pub(crate) fn replace(&mut self, newer: &Self, max: usize, boundary: usize) -> usize {
        let mut gone = 0;
        for entry in &newer.entries {
            if self.mask & 1 << entry.bit != 0 {
                let place = self.remove(newer.key(entry));
                gone += usize::from(place.is_some_and(|place| place < boundary - gone));
            }
            self.copy(newer, entry, max);
        }
        self.dropped += newer.dropped;
        gone
    }

    fn copy(&mut self, from: &Self, entry: &Entry, max: usize) {
        let start = self.text.len();
        if start + from.whole(entry).len() > max {
            self.dropped += 1;
            return;
        }
        self.text.extend_from_slice(from.whole(entry));
        self.push_entry(start, start + (entry.value - entry.start) as usize, entry.bit);
    }

    /// Hands `visible` fields to `keep`, but so many of the first, the outer ones, that the rest has at most `room`
    /// bytes; how many those were.
    fn keep_inner<'a>(
        &self,
        visible: impl Iterator<Item = &'a Entry> + Clone,
        room: usize,
        mut keep: impl FnMut(&Entry),
    ) -> u32 {
        let mut bytes: usize = visible.clone().map(|entry| self.whole(entry).len()).sum();
        let mut dropped = 0;
        for entry in visible {
            if bytes > room {
                bytes -= self.whole(entry).len();
                dropped += 1;
            } else {
                keep(entry);
            }
        }
        dropped
    }

    /// The fields of `outer` that those of `inner` (from its field number `from` on) don't hide, then those. Also
    /// the number of the first inner one.
    pub(crate) fn merge(outer: &Self, inner: &Self, from: usize, max: usize) -> (Self, usize) {
        let mut merged = Self {
            text: Vec::with_capacity(outer.text.len() + inner.text.len()),
            entries: Vec::with_capacity(outer.len() + inner.len()),
            mask: 0,
            dropped: outer.dropped + inner.dropped,
        };
        let own: usize = inner.entries[from..].iter().map(|entry| inner.whole(entry).len()).sum();
        let visible = outer.entries.iter().filter(|entry| !inner.hides(from, outer, entry));
        let room = max.saturating_sub(own);
        merged.dropped += outer.keep_inner(visible, room, |entry| merged.copy(outer, entry, max));
        let boundary = merged.len();
        inner.entries[from..].iter().for_each(|entry| merged.copy(inner, entry, max));
        (merged, boundary)
    }

    /// Appends the fields that none of `inner` hides, without the outer ones that would make `out` longer than `max`;
    /// how many did not fit, now or before.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>, inner: &[&Self], max: usize) -> u32 {
        if out.len() + self.text.len() <= max && inner.iter().all(|inner| self.mask & inner.mask == 0) {
            out.extend_from_slice(&self.text);
            return self.dropped;
        }
        let visible =
            self.entries.iter().filter(|entry| !inner.iter().any(|inner| inner.hides(0, self, entry)));
        let room = max.saturating_sub(out.len());
        self.dropped + self.keep_inner(visible, room, |entry| out.extend_from_slice(self.whole(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1_000;

    fn fields(pairs: &[(&str, u32)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.add(&Key::new(name), ROOM, |out| out.extend(value.to_string().bytes()));
        }
        fields
    }

    fn text(fields: &Fields) -> String {
        let mut out = Vec::new();
        fields.append_to(&mut out, &[], ROOM);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_value_of_a_key_stays() {
        assert_eq!(
            text(&fields(&[("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)])),
            r#","a":3,"c":4,"b":5"#
        );
    }

    /// [S36] The inner field wins, and keeps its place behind the outer ones.
    #[test]
    fn merge_lets_the_inner_win() {
        let (merged, own) =
            Fields::merge(&fields(&[("a", 1), ("b", 2)]), &fields(&[("z", 0), ("b", 3), ("c", 4)]), 1, ROOM);
        assert_eq!((text(&merged).as_str(), own), (r#","a":1,"b":3,"c":4"#, 1));
    }

    #[test]
    fn replace_counts_what_gave_way_before_the_boundary() {
        let mut all = fields(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(all.replace(&fields(&[("c", 4), ("a", 5), ("b", 6), ("d", 7)]), ROOM, 2), 2);
        assert_eq!(text(&all), r#","c":4,"a":5,"b":6,"d":7"#);
    }

    /// [S34] Fields beyond the size of a record are dropped whole, outer ones first, and counted.
    #[test]
    fn what_does_not_fit_is_counted() {
        let outer = fields(&[("a", 1), ("b", 2), ("c", 3)]);
        let mut out = Vec::new();
        assert_eq!(outer.append_to(&mut out, &[&fields(&[("b", 9)])], 7), 1);
        assert_eq!(out, br#","c":3"#);
        let (merged, own) = Fields::merge(&outer, &fields(&[("d", 4)]), 0, 18);
        assert_eq!((text(&merged).as_str(), own, merged.dropped), (r#","b":2,"c":3,"d":4"#, 2, 1));
        let mut small = Fields::default();
        small.add(&Key::new("long"), 5, |out| out.extend(b"123"));
        assert_eq!((text(&small).as_str(), small.dropped), ("", 1));
    }

    proptest::proptest! {
        /// [S36] Like a map in which inner entries overwrite outer ones, whatever the order of adding.
        #[test]
        fn behaves_like_a_map(outer in proptest::collection::vec((0usize..9, 0u32..99), 0..12),
                              inner in proptest::collection::vec((0usize..9, 0u32..99), 0..12)) {
            const NAMES: [&str; 9] = ["a", "b", "c", "d", "level", "level_", "password", "é\"", "nine"];
            let named = |list: &[(usize, u32)]| list.iter().map(|(n, v)| (NAMES[*n], *v)).collect::<Vec<_>>();
            let (outer, inner) = (named(&outer), named(&inner));
            let mut expected = std::collections::BTreeMap::new();
            for (name, value) in outer.iter().chain(&inner) {
                // `level` and `level_` share the key `level_`, so the later of the two stays.
                let name = if *name == "level" { "level_" } else { *name };
                expected.insert(name.to_owned(), *value);
            }
            let (merged, _) = Fields::merge(&fields(&outer), &fields(&inner), 0, ROOM);
            let json = format!("{{{}}}", text(&merged).trim_start_matches(','));
            let read: std::collections::BTreeMap<String, u32> = serde_json::from_str(&json).unwrap();
            proptest::prop_assert_eq!(read.len(), json.matches("\":").count());
            proptest::prop_assert_eq!(read, expected);
        }
    }
}
