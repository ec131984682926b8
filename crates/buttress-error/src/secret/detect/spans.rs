//! `Spans`: where the secrets of a text are.

use std::ops::Range;

/// Ranges of a text. Detectors add them in any order.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Range<usize>>);

impl Spans {
    pub(super) fn add(&mut self, start: usize, end: usize) {
        if start < end {
            self.0.push(start..end);
        }
    }

    /// Returns the ranges in the order of the text. Those that overlap or touch are one.
    pub(super) fn merged(mut self) -> Vec<Range<usize>> {
        self.0.sort_unstable_by_key(|span| span.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(self.0.len());
        for span in self.0 {
            match merged.last_mut().filter(|last| span.start <= last.end) {
                Some(last) => last.end = last.end.max(span.end),
                None => merged.push(span),
            }
        }
        merged
    }
}
