//! `TailLines`: the last lines of a call, in a bounded number of bytes. No lock.

use std::collections::VecDeque;

/// Lines with what is needed to write them. The oldest ones are dropped first.
#[derive(Debug)]
pub(super) struct TailLines<T> {
    max: usize,
    text: VecDeque<u8>,
    /// Oldest first: the length of each line, and its owner.
    lines: VecDeque<(usize, T)>,
    dropped: u64,
}

impl<T> TailLines<T> {
    /// What a line takes in addition to its bytes.
    const OVERHEAD: usize = size_of::<(usize, T)>();

    /// Allocates nothing.
    pub(super) const fn new(max: usize) -> Self {
        Self { max, text: VecDeque::new(), lines: VecDeque::new(), dropped: 0 }
    }

    fn size(&self) -> usize {
        self.text.len() + self.lines.len() * Self::OVERHEAD
    }

    /// Adds a line. Drops the oldest ones that have no room any more, or the line itself if it is too long.
    pub(super) fn push(&mut self, owner: T, line: &[u8]) {
        let len = line.len() + Self::OVERHEAD;
        if len > self.max {
            self.dropped += 1;
            return;
        }
        while self.size() + len > self.max
            && let Some((oldest, _)) = self.lines.pop_front()
        {
            self.text.drain(..oldest);
            self.dropped += 1;
        }
        self.text.extend(line);
        self.lines.push_back((line.len(), owner));
    }

    /// Adds the lines of an inner call. If it has dropped some, those from before it are dropped too, since they are older.
    pub(super) fn append(&mut self, inner: Self) {
        if inner.dropped > 0 {
            self.dropped += self.lines.len() as u64;
            self.lines.clear();
            self.text.clear();
        }
        self.dropped += inner.dropped;
        inner.for_each(|owner, line| self.push(owner, line));
    }

    /// Passes on each line, oldest first. Returns how many were dropped before.
    pub(super) fn for_each(mut self, mut work: impl FnMut(T, &[u8])) -> u64 {
        let mut text = &*self.text.make_contiguous();
        for (len, owner) in self.lines {
            let (line, rest) = text.split_at(len);
            work(owner, line);
            text = rest;
        }
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OVERHEAD: usize = TailLines::<usize>::OVERHEAD;

    fn contents(lines: TailLines<usize>) -> (Vec<(usize, String)>, u64) {
        let mut all = Vec::new();
        let dropped =
            lines.for_each(|owner, line| all.push((owner, String::from_utf8(line.to_vec()).unwrap())));
        (all, dropped)
    }

    #[test]
    fn the_oldest_are_dropped_first() {
        let mut lines = TailLines::new(2 * OVERHEAD + 10);
        lines.push(1, b"first");
        lines.push(2, b"other");
        lines.push(3, b"third");
        lines.push(4, &[b'x'; 100]);
        assert_eq!(contents(lines), (vec![(2, "other".to_owned()), (3, "third".to_owned())], 2));
    }

    proptest! {
        /// What is kept is the end of what was added; all lines are kept or counted; the size never exceeds the limit.
        #[test]
        fn keeps_the_last_lines(
            lens in proptest::collection::vec(0usize..60, 0..60), max in 0usize..600, inner in 0usize..60
        ) {
            let (mut outer, mut tail) = (TailLines::new(max), TailLines::new(max));
            for (number, len) in lens.iter().enumerate() {
                // The first ones come directly, the others through an inner call.
                let lines = if number < inner { &mut outer } else { &mut tail };
                lines.push(number, &vec![b'a' + (number % 26) as u8; *len]);
                prop_assert!(lines.size() <= max);
            }
            outer.append(tail);
            prop_assert!(outer.size() <= max);
            let (kept, dropped) = contents(outer);
            prop_assert_eq!(kept.len() as u64 + dropped, lens.len() as u64);
            let fitting: Vec<_> =
                lens.iter().enumerate().filter(|(_, len)| **len + OVERHEAD <= max).map(|(n, _)| n).collect();
            let numbers: Vec<_> = kept.iter().map(|(number, _)| *number).collect();
            prop_assert!(fitting.ends_with(&numbers), "{:?} {:?}", fitting, numbers);
            for (number, line) in kept {
                prop_assert_eq!(line, ((b'a' + (number % 26) as u8) as char).to_string().repeat(lens[number]));
            }
        }
    }
}
