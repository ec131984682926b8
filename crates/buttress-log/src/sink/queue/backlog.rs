//! `Backlog`: the lines that wait, as a plain value.

use std::mem;
use std::ops::Range;

use crate::sink::severity::{PerSeverity, Severity};

/// Lines one after another in one text, so that a single `write` takes them all.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    text: Vec<u8>,
    lines: Vec<Line>,
    /// The positions of the lines of each severity, in order: the newest of the least severe is found at once.
    by_severity: PerSeverity<Vec<u32>>,
    waiting: Size,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    start: u32,
    len: u32,
    /// `None` once it was dropped.
    severity: Option<Severity>,
}

/// How many lines, and how many bytes they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) lines: usize,
    pub(super) bytes: usize,
}

impl Size {
    pub(super) const fn with(self, len: usize) -> Self {
        Self { lines: self.lines + 1, bytes: self.bytes + len }
    }

    /// Returns `true` if it is at least half of `max`.
    pub(super) const fn is_half_of(self, max: Self) -> bool {
        2 * self.lines >= max.lines || 2 * self.bytes >= max.bytes
    }

    pub(super) const fn fits(self, max: Self) -> bool {
        self.lines <= max.lines && self.bytes <= max.bytes
    }
}

impl Backlog {
    /// Returns the lines that wait.
    pub(super) const fn waiting(&self) -> Size {
        self.waiting
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.lines == 0
    }

    /// Returns `true` if there is room for a line of `len` bytes.
    pub(super) const fn has_room(&self, len: usize, max: Size) -> bool {
        self.waiting.with(len).fits(max)
    }

    /// Adds a line for which there is room.
    pub(super) fn push(&mut self, line: &[u8], severity: Severity, max: Size) {
        // Dropped lines still take space: at most as much as those that wait may take.
        if self.text.len() + line.len() > 2 * max.bytes || self.lines.len() >= 2 * max.lines {
            self.compact();
        }
        let position = self.lines.len() as u32;
        self.by_severity[severity].push(position);
        self.lines.push(Line {
            start: self.text.len() as u32,
            len: line.len() as u32,
            severity: Some(severity),
        });
        self.text.extend_from_slice(line);
        self.waiting = self.waiting.with(line.len());
    }

    /// Makes room for a line of `len` bytes and of `severity` by dropping less severe ones: the least severe first, of those the
    /// newest. Drops none if that would not make enough room. Returns `false` if there is no room.
    pub(super) fn make_room(
        &mut self,
        len: usize,
        severity: Severity,
        max: Size,
        dropped: &mut PerSeverity<u64>,
    ) -> bool {
        if self.has_room(len, max) {
            return true;
        }
        if !Size::default().with(len).fits(max) {
            return false;
        }
        let mut after = self.waiting;
        let less_severe = || Severity::ALL.into_iter().take_while(|other| *other < severity);
        let candidates = less_severe().flat_map(|other| self.by_severity[other].iter().rev());
        let enough = candidates.map(|position| self.lines[*position as usize].len as usize).any(|freed| {
            after = Size { lines: after.lines - 1, bytes: after.bytes - freed };
            after.with(len).fits(max)
        });
        if !enough {
            return false;
        }
        for other in less_severe() {
            while !self.has_room(len, max)
                && let Some(position) = self.by_severity[other].pop()
            {
                let line = &mut self.lines[position as usize];
                line.severity = None;
                self.waiting.lines -= 1;
                self.waiting.bytes -= line.len as usize;
                dropped[other] += 1;
            }
        }
        true
    }

    /// Removes the dropped lines from the text.
    fn compact(&mut self) {
        for severity in Severity::ALL {
            self.by_severity[severity].clear();
        }
        let (mut end, mut kept) = (0, 0);
        for index in 0..self.lines.len() {
            let line = self.lines[index];
            let Some(severity) = line.severity else { continue };
            let range = line.range();
            self.text.copy_within(range, end);
            self.by_severity[severity].push(kept);
            self.lines[kept as usize] = Line { start: end as u32, ..line };
            end += line.len as usize;
            kept += 1;
        }
        self.text.truncate(end);
        self.lines.truncate(kept as usize);
    }

    /// Returns the stretches of text without a dropped line, each with the lengths of its lines.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[u8], impl ExactSizeIterator<Item = usize>)> {
        let mut rest = self.lines.as_slice();
        std::iter::from_fn(move || {
            let dropped = rest.iter().take_while(|line| line.severity.is_none()).count();
            rest = &rest[dropped..];
            let count = rest.iter().take_while(|line| line.severity.is_some()).count();
            let (run, after) = rest.split_at(count);
            rest = after;
            let (first, last) = (run.first()?, run.last()?);
            let lengths = run.iter().map(|line| line.len as usize);
            Some((&self.text[first.start as usize..last.range().end], lengths))
        })
    }

    /// Exchanges the lines with those of `other`.
    pub(super) const fn swap(&mut self, other: &mut Self) {
        mem::swap(self, other);
    }

    /// Removes all lines, and frees memory beyond `max` bytes.
    pub(super) fn clear(&mut self, max: usize) {
        self.text.clear();
        self.text.shrink_to(max);
        self.lines.clear();
        self.lines.shrink_to(max / 64);
        for severity in Severity::ALL {
            self.by_severity[severity].clear();
            self.by_severity[severity].shrink_to(max / 64);
        }
        self.waiting = Size::default();
    }
}

impl Line {
    const fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: Size = Size { lines: 4, bytes: 100 };

    fn text(backlog: &Backlog) -> String {
        backlog.runs().map(|(run, _)| std::str::from_utf8(run).unwrap()).collect()
    }

    fn push(backlog: &mut Backlog, line: &str, severity: Severity, dropped: &mut PerSeverity<u64>) -> bool {
        let room = backlog.make_room(line.len(), severity, MAX, dropped);
        if room {
            backlog.push(line.as_bytes(), severity, MAX);
        }
        room
    }

    /// [S37] An ERROR is never dropped while a less severe line waits; among equals the newest is dropped.
    #[test]
    fn the_least_severe_are_dropped_first() {
        let (mut backlog, mut dropped) = (Backlog::default(), PerSeverity::default());
        for (line, severity) in [
            ("i1 ", Severity::Info),
            ("d1 ", Severity::Debug),
            ("d2 ", Severity::Debug),
            ("i2 ", Severity::Info),
        ] {
            assert!(push(&mut backlog, line, severity, &mut dropped));
        }
        assert!(!push(&mut backlog, "d3 ", Severity::Debug, &mut dropped));
        assert!(push(&mut backlog, "e1 ", Severity::Error, &mut dropped));
        assert_eq!(text(&backlog), "i1 d1 i2 e1 ");
        assert!(push(&mut backlog, "w1 ", Severity::Warn, &mut dropped));
        assert_eq!(text(&backlog), "i1 i2 e1 w1 ");
        for line in ["e2 ", "e3 ", "e4 "] {
            assert!(push(&mut backlog, line, Severity::Error, &mut dropped));
        }
        assert_eq!(text(&backlog), "e1 e2 e3 e4 ");
        assert!(!push(&mut backlog, "e5 ", Severity::Error, &mut dropped));
        assert_eq!((dropped[Severity::Debug], dropped[Severity::Info], dropped[Severity::Warn]), (2, 2, 1));
    }

    /// A line that can never fit drops none.
    #[test]
    fn a_line_that_is_too_long_drops_nothing() {
        let (mut backlog, mut dropped) = (Backlog::default(), PerSeverity::default());
        assert!(push(&mut backlog, "debug", Severity::Debug, &mut dropped));
        assert!(!push(&mut backlog, &"x".repeat(101), Severity::Error, &mut dropped));
        assert_eq!((text(&backlog).as_str(), dropped), ("debug", PerSeverity::default()));
    }

    fn waiting_below(backlog: &Backlog, severity: Severity) -> Size {
        let lines = backlog.lines.iter().filter(|line| line.severity.is_some_and(|other| other < severity));
        lines.fold(Size::default(), |size, line| size.with(line.len as usize))
    }

    proptest! {
        /// [S37] Whatever is logged: the bounds hold, each line waits or is counted, and no line is dropped in favor of one
        /// that is not more severe. Memory is bounded too.
        #[test]
        fn every_line_waits_or_is_counted(lines in prop::collection::vec((0_usize..5, 1_usize..40), 0..200)) {
            let (mut backlog, mut dropped) = (Backlog::default(), PerSeverity::<u64>::default());
            let mut refused = 0;
            for (severity, len) in &lines {
                let severity = Severity::ALL[*severity];
                let before = backlog.waiting();
                let less_severe = waiting_below(&backlog, severity);
                let rest = Size {
                    lines: before.lines - less_severe.lines,
                    bytes: before.bytes - less_severe.bytes,
                };
                let dropped_before = dropped;
                if backlog.make_room(*len, severity, MAX, &mut dropped) {
                    backlog.push(&vec![b'0' + severity as u8; *len], severity, MAX);
                    let is_or_above = |other: &Severity| *other >= severity;
                    for other in Severity::ALL.into_iter().filter(is_or_above) {
                        prop_assert_eq!(dropped[other], dropped_before[other]);
                    }
                } else {
                    prop_assert!(!rest.with(*len).fits(MAX), "less severe lines would have made room");
                    prop_assert_eq!(backlog.waiting(), before);
                    refused += 1;
                }
                prop_assert!(backlog.waiting().fits(MAX));
                prop_assert!(backlog.text.len() <= 2 * MAX.bytes);
                prop_assert!(backlog.lines.len() <= 2 * MAX.lines);
            }
            let kept: usize = backlog.runs().map(|(_, lines)| lines.len()).sum();
            prop_assert_eq!(kept, backlog.waiting().lines);
            let all: u64 = Severity::ALL.into_iter().map(|severity| dropped[severity]).sum();
            prop_assert_eq!(kept as u64 + refused + all, lines.len() as u64);
            prop_assert_eq!(dropped[Severity::Error], 0);
            prop_assert_eq!(text(&backlog).len(), backlog.waiting().bytes);
        }
    }
}
