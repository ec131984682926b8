//! Encoded fields: `,"name":value` one after another in one text, with the positions of names and values.

use crate::encode::name::{FieldName, REDACTED, unquoted_name};
use crate::encode::value::ValueFormat;
use crate::json::escape::unescape;
use crate::number_forms::NumberForms;
use crate::redaction::{Redactor, Showing};

/// Fields with unique names, encoded once and copied from then on. Later ones are the inner ones.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    /// In the order of the text, which they cover without gaps.
    entries: Vec<Entry>,
    names: NameFilter,
    /// The number of fields that did not fit.
    pub(crate) dropped: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    /// Where the name ends and the value begins.
    value: u32,
    end: u32,
    hash: u32,
}

/// A Bloom filter of names: it may report a name that is not there, but never misses one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct NameFilter(u64);

impl NameFilter {
    const fn insert(&mut self, hash: u32) {
        self.0 |= 1 << (hash >> 26);
    }

    const fn may_contain(self, hash: u32) -> bool {
        self.0 & 1 << (hash >> 26) != 0
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names that both may contain.
    const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Fields {
    pub(crate) fn with_capacity(bytes: usize, fields: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), entries: Vec::with_capacity(fields), ..Self::default() }
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.names = NameFilter::default();
        self.dropped = 0;
    }

    /// Clears the fields, and frees the text if it has grown beyond `max` bytes.
    pub(crate) fn shrink_to(&mut self, max: usize) {
        self.clear();
        self.text.shrink_to(max);
    }

    /// Becomes a copy of `other`. Allocates only where it outgrows its own buffers.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.text.clear();
        self.text.reserve_exact(other.text.len());
        self.text.extend_from_slice(&other.text);
        self.entries.clear();
        self.entries.extend_from_slice(&other.entries);
        (self.names, self.dropped) = (other.names, other.dropped);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of fields for which there is room without an allocation, those that are there included.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The unused bytes of the text's buffer.
    pub(crate) fn text_spare(&self) -> usize {
        self.text.capacity() - self.text.len()
    }

    pub(crate) fn contains(&self, name: &FieldName) -> bool {
        self.position(name.hash, &name.json).is_some()
    }

    fn position(&self, hash: u32, name: &[u8]) -> Option<usize> {
        if !self.names.may_contain(hash) {
            return None;
        }
        self.entries.iter().position(|entry| entry.hash == hash && self.name(entry) == name)
    }

    /// Adds a field with the value that `write` appends, in place of an older one of the same name. If the text becomes longer
    /// than `max` bytes, the field is dropped and counted.
    pub(crate) fn add(&mut self, name: &FieldName, max: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.remove(name.hash, &name.json);
        let start = self.text.len();
        self.text.extend_from_slice(&name.json);
        let value = self.text.len();
        write(&mut self.text);
        if self.text.len() > max {
            self.text.truncate(start);
            self.dropped += 1;
            return;
        }
        self.push_entry(start, value, name.hash);
    }

    fn push_entry(&mut self, start: usize, value: usize, hash: u32) {
        self.names.insert(hash);
        let end = self.text.len() as u32;
        self.entries.push(Entry { start: start as u32, value: value as u32, end, hash });
    }

    /// Removes a field and returns its former index. (The filter keeps the name: it only ever rules names out.)
    fn remove(&mut self, hash: u32, name: &[u8]) -> Option<usize> {
        let index = self.position(hash, name)?;
        let removed = self.entries.remove(index);
        self.text.drain(removed.start as usize..removed.end as usize);
        let len = removed.end - removed.start;
        for entry in &mut self.entries[index..] {
            entry.start -= len;
            entry.value -= len;
            entry.end -= len;
        }
        Some(index)
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.start as usize..entry.value as usize]
    }

    fn encoded(&self, entry: &Entry) -> &[u8] {
        &self.text[entry.start as usize..entry.end as usize]
    }

    /// Returns `true` if one of these fields, from index `from` on, has the name of that field of `outer`.
    fn hides(&self, from: usize, outer: &Self, entry: &Entry) -> bool {
        self.names.may_contain(entry.hash)
            && self.entries[from..]
                .iter()
                .any(|inner| inner.hash == entry.hash && self.name(inner) == outer.name(entry))
    }

    /// A copy for a layer that redacts. It has a mark for each value that is hidden by its name, for each object or array, which may
    /// have secret members, and for each value whose name is escaped. Secrets in texts are redacted.
    pub(crate) fn redacted(&self, redactor: &Redactor) -> Self {
        let mut redacted = Self::with_capacity(self.text.len(), self.entries.len());
        redacted.dropped = self.dropped;
        for entry in &self.entries {
            let value = &self.text[entry.value as usize..entry.end as usize];
            let name =
                std::str::from_utf8(unquoted_name(self.name(entry))).ok().filter(|name| !name.contains('\\'));
            let is_text = value.starts_with(b"\"");
            let is_hidden = name.is_none_or(|name| redactor.showing_of(name, !is_text) != Showing::Shown);
            let start = redacted.text.len();
            redacted.text.extend_from_slice(self.name(entry));
            let value_start = redacted.text.len();
            if is_hidden || value.starts_with(b"{") || value.starts_with(b"[") {
                redactor.count(1);
                redacted.text.extend_from_slice(REDACTED);
            } else if is_text {
                let text = unescape(&value[1..value.len() - 1]);
                let format =
                    ValueFormat { limit: usize::MAX, redactor: Some(redactor), numbers: NumberForms::new() };
                format.string(&mut redacted.text, &text, usize::MAX);
            } else {
                redacted.text.extend_from_slice(value);
            }
            redacted.push_entry(start, value_start, entry.hash);
        }
        redacted
    }

    /// Sets every field of `newer`. Returns how many of the first `boundary` fields were replaced.
    pub(crate) fn replace(&mut self, newer: &Self, max: usize, boundary: usize) -> usize {
        let mut replaced = 0;
        for entry in &newer.entries {
            let index = self.remove(entry.hash, newer.name(entry));
            replaced += usize::from(index.is_some_and(|index| index < boundary - replaced));
        }
        // At once, and no more than needed: a span may live long.
        self.text.reserve_exact(newer.text.len().min(max.saturating_sub(self.text.len())));
        newer.entries.iter().for_each(|entry| self.copy(newer, entry, max));
        self.dropped += newer.dropped;
        replaced
    }

    fn copy(&mut self, from: &Self, entry: &Entry, max: usize) {
        let start = self.text.len();
        if start + from.encoded(entry).len() > max {
            self.dropped += 1;
            return;
        }
        self.text.extend_from_slice(from.encoded(entry));
        self.push_entry(start, start + (entry.value - entry.start) as usize, entry.hash);
    }

    /// Passes those of the `visible` fields to `keep` that fit into `room` bytes, and drops the first, outer ones. Returns how
    /// many were dropped.
    fn keep_inner<'a>(
        &self,
        visible: impl Iterator<Item = &'a Entry> + Clone,
        room: usize,
        mut keep: impl FnMut(&Entry),
    ) -> u32 {
        let mut bytes: usize = visible.clone().map(|entry| self.encoded(entry).len()).sum();
        let mut dropped = 0;
        for entry in visible {
            if bytes > room {
                bytes -= self.encoded(entry).len();
                dropped += 1;
            } else {
                keep(entry);
            }
        }
        dropped
    }

    /// Becomes the fields of `outer` that `inner` does not hide, followed by those of `inner`, of which only the fields from
    /// index `from` on count. Returns the index of the first inner one.
    pub(crate) fn merge(&mut self, outer: &Self, inner: &Self, from: usize, max: usize) -> usize {
        self.clear();
        self.dropped = outer.dropped + inner.dropped;
        let inner_len: usize = inner.entries[from..].iter().map(|entry| inner.encoded(entry).len()).sum();
        let visible = outer.entries.iter().filter(|entry| !inner.hides(from, outer, entry));
        let room = max.saturating_sub(inner_len);
        self.dropped += outer.keep_inner(visible, room, |entry| self.copy(outer, entry, max));
        let boundary = self.len();
        inner.entries[from..].iter().for_each(|entry| self.copy(inner, entry, max));
        boundary
    }

    /// Appends the fields that none of `inner` hides, except the outermost ones if `out` became longer than `max` bytes with
    /// them. Returns how many fields did not fit, now or before.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>, inner: &[&Self], max: usize) -> u32 {
        let inner_names = inner.iter().fold(NameFilter::default(), |names, inner| names.union(inner.names));
        let common = self.names.intersection(inner_names);
        let is_hidden = |entry: &Entry| {
            common.may_contain(entry.hash) && inner.iter().any(|inner| inner.hides(0, self, entry))
        };
        if out.len() + self.text.len() <= max {
            let mut copied = 0;
            if !common.is_empty() {
                for hidden in self.entries.iter().filter(|entry| is_hidden(entry)) {
                    out.extend_from_slice(&self.text[copied..hidden.start as usize]);
                    copied = hidden.end as usize;
                }
            }
            out.extend_from_slice(&self.text[copied..]);
            return self.dropped;
        }
        let visible = self.entries.iter().filter(|entry| !is_hidden(entry));
        let room = max.saturating_sub(out.len());
        self.dropped + self.keep_inner(visible, room, |entry| out.extend_from_slice(self.encoded(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1_000;

    fn fields(pairs: &[(&str, u32)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.add(&FieldName::new(name), ROOM, |out| out.extend(value.to_string().bytes()));
        }
        fields
    }

    fn merge(outer: &Fields, inner: &Fields, from: usize, max: usize) -> (Fields, usize) {
        let mut merged = fields(&[("old", 1)]);
        let boundary = merged.merge(outer, inner, from, max);
        (merged, boundary)
    }

    fn text(fields: &Fields) -> String {
        let mut out = Vec::new();
        fields.append_to(&mut out, &[], ROOM);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_value_of_a_name_stays() {
        assert_eq!(
            text(&fields(&[("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)])),
            r#","a":3,"c":4,"b":5"#
        );
    }

    /// [S36] The inner field wins, and keeps its place behind the outer ones.
    #[test]
    fn merge_lets_the_inner_win() {
        let (merged, own) =
            merge(&fields(&[("a", 1), ("b", 2)]), &fields(&[("z", 0), ("b", 3), ("c", 4)]), 1, ROOM);
        assert_eq!((text(&merged).as_str(), own), (r#","a":1,"b":3,"c":4"#, 1));
    }

    #[test]
    fn replace_counts_what_it_replaces_before_the_boundary() {
        let mut all = fields(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(all.replace(&fields(&[("c", 4), ("a", 5), ("b", 6), ("d", 7)]), ROOM, 2), 2);
        assert_eq!(text(&all), r#","c":4,"a":5,"b":6,"d":7"#);
    }

    /// [S34] Fields beyond the size of a line are dropped whole, outer ones first, and counted.
    #[test]
    fn fields_that_do_not_fit_are_counted() {
        let outer = fields(&[("a", 1), ("b", 2), ("c", 3)]);
        let mut out = Vec::new();
        assert_eq!(outer.append_to(&mut out, &[&fields(&[("b", 9)])], 7), 1);
        assert_eq!(out, br#","c":3"#);
        let (merged, own) = merge(&outer, &fields(&[("d", 4)]), 0, 18);
        assert_eq!((text(&merged).as_str(), own, merged.dropped), (r#","b":2,"c":3,"d":4"#, 2, 1));
        let mut small = Fields::default();
        small.add(&FieldName::new("long"), 5, |out| out.extend(b"123"));
        assert_eq!((text(&small).as_str(), small.dropped), ("", 1));
    }

    /// Two names that share a bit of the filter stay distinct, and a hidden field is left out at any position.
    #[test]
    fn hidden_fields_are_left_out() {
        let bit = |name: &str| FieldName::new(name).hash >> 26;
        let twin = (0..).map(|n| format!("n{n}")).find(|name| bit(name) == bit("b")).unwrap();
        let outer = fields(&[("a", 1), ("b", 2), ("c", 3)]);
        for (inner, expected) in [
            (&[&*twin][..], r#","a":1,"b":2,"c":3"#),
            (&["a"], r#","b":2,"c":3"#),
            (&["b", &twin], r#","a":1,"c":3"#),
            (&["c"], r#","a":1,"b":2"#),
            (&["c", "a"], r#","b":2"#),
            (&["a", "b", "c"], ""),
        ] {
            let inner: Vec<_> = inner.iter().map(|name| fields(&[(name, 9)])).collect();
            let inner: Vec<_> = inner.iter().collect();
            let mut out = Vec::new();
            assert_eq!(outer.append_to(&mut out, &inner, ROOM), 0);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
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
                // `level` and `level_` share the name `level_`, so the later of the two stays.
                let name = if *name == "level" { "level_" } else { *name };
                expected.insert(name.to_owned(), *value);
            }
            let (outer, inner) = (fields(&outer), fields(&inner));
            let mut line = Vec::new();
            outer.append_to(&mut line, &[&inner], ROOM);
            inner.append_to(&mut line, &[], ROOM);
            let (merged, _) = merge(&outer, &inner, 0, ROOM);
            for json in [text(&merged), String::from_utf8(line).unwrap()] {
                let json = format!("{{{}}}", json.trim_start_matches(','));
                let read: std::collections::BTreeMap<String, u32> = serde_json::from_str(&json).unwrap();
                proptest::prop_assert_eq!(read.len(), json.matches("\":").count());
                proptest::prop_assert_eq!(&read, &expected);
            }
        }
    }
}
