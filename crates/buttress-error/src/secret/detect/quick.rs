//! The quick answer for most texts: no secret.
//!
//! A text has a secret only if it has a separator behind a name, a run of at least [`MIN_TOKEN`] bytes without a blank that has a
//! mark, two dashes before a private key, or enough digits for a card. All of that is seen in one pass over words of eight bytes,
//! without a branch, so that the compiler vectorizes it. What it has seen is then read byte by byte.

use super::bytes::{find, position};
use super::detectors::Detectors;
use super::scan::may_be_token;
use super::{assignment, card, scheme};

/// The fewest bytes of a token with a mark, and of credentials in a sentence. Such a run has a whole word of the text without a
/// blank.
pub(super) const MIN_TOKEN: usize = 15;

/// How many bytes are seen at once. A card number is in two blocks that follow each other.
const BLOCK: usize = 32;
const WORD: usize = 8;

/// Returns `false` only if the detectors find nothing in a text whose form as a JSON string this is. (What is escaped is no
/// part of a mark.)
#[must_use]
pub fn may_hold_secret(json: &[u8], detectors: Detectors) -> bool {
    // The shortest secret is `pw=x`.
    if json.len() < 4 {
        return false;
    }
    let mut all = Seen::default();
    let mut runs = LongRuns { json, read: 0 };
    let (blocks, rest) = json.as_chunks::<BLOCK>();
    let mut digits_before = 0;
    for (index, block) in blocks.iter().enumerate() {
        let seen = Seen::of(block.as_chunks().0);
        let (start, end) = (index * BLOCK, (index + 1) * BLOCK);
        if seen.is_long() && runs.may_have_token(start, end) {
            return true;
        }
        if digits_before + seen.digits() >= card::MIN
            && card::may_be_in(&json[start.saturating_sub(BLOCK)..end])
        {
            return true;
        }
        digits_before = seen.digits();
        all.separators |= seen.separators;
        all.dashes |= seen.dashes;
    }
    let start = json.len() - rest.len();
    let mut seen = Seen::of(rest.as_chunks().0);
    // The last word overlaps the one before, so what both have is seen twice.
    match json.last_chunk::<WORD>() {
        Some(last) => seen = seen.union(Seen::of(&[*last])),
        None => all.separators |= u64::from(json.iter().any(|byte| matches!(byte, b':' | b'='))),
    }
    all.separators |= seen.separators;
    all.dashes |= seen.dashes;
    json.len() >= MIN_TOKEN && seen.is_long() && runs.may_have_token(start, json.len())
        || digits_before + seen.digits() >= card::MIN && card::may_be_in(&json[start.saturating_sub(BLOCK)..])
        || all.separators != 0 && separators_may_hold_secret(json)
        || all.dashes != 0 && find(json, 0, b"BEGIN ").is_some()
        || scheme::may_be_whole(json)
        || detectors != Detectors::new() && may_be_personal(json, detectors)
}

#[cold]
fn may_be_personal(json: &[u8], detectors: Detectors) -> bool {
    let has = |byte: u8| position(json, 0, |other| other == byte).is_some();
    detectors.wants_emails() && has(b'@') || detectors.wants_ip_addresses() && (has(b'.') || has(b':'))
}

/// The runs of at least [`MIN_TOKEN`] bytes without a blank.
struct LongRuns<'a> {
    json: &'a [u8],
    /// Where the last run that was read ends.
    read: usize,
}

impl LongRuns<'_> {
    /// Returns `false` only if no run that is seen between `start` and `end` has a token, or credentials behind a scheme.
    fn may_have_token(&mut self, start: usize, end: usize) -> bool {
        let is_inside = |byte: &u8| *byte >= b'+';
        let json = self.json;
        // Each long run has a whole word: `start` is at the beginning of one.
        for word in (start..end).step_by(WORD) {
            let is_whole =
                json[word..].first_chunk::<WORD>().is_some_and(|word| Seen::of(&[*word]).is_long());
            if !is_whole || word < self.read {
                continue;
            }
            let before = json[self.read..word].iter().rev().take_while(|byte| is_inside(byte)).count();
            let behind = json[word + WORD..].iter().take_while(|byte| is_inside(byte)).count();
            let run = word - before..word + WORD + behind;
            self.read = run.end;
            if run.len() < MIN_TOKEN {
                continue;
            }
            let scheme = json[..run.start].ends_with(b" ") && scheme::may_end_at(json, run.start);
            if scheme || run.into_iter().any(|at| may_be_token(json, at)) {
                return true;
            }
        }
        false
    }
}

fn separators_may_hold_secret(json: &[u8]) -> bool {
    // Searched at most once: a hostile text has many URLs. A password in one ends with `@`.
    let mut has_at = None;
    let mut at = 0;
    while let Some(separator) = position(json, at, |byte| (byte == b':') | (byte == b'=')) {
        let may_be_secret = match json[separator..] {
            [b':', b'/', b'/', ..] => *has_at.get_or_insert_with(|| json.contains(&b'@')),
            _ => assignment::may_be_at(json, separator) || scheme::may_end_at(json, separator),
        };
        if may_be_secret {
            return true;
        }
        at = separator + 1;
    }
    false
}

/// What some words have. Each part is zero if they do not have it.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// One of `:;<=`.
    separators: u64,
    /// Two dashes in one word.
    dashes: u64,
    /// A word without a blank, a quote or another byte below `+`: the highest bit says so.
    long: u64,
    /// The number of digits in each column of the words.
    digits: u64,
}

impl Seen {
    #[inline]
    fn of(words: &[[u8; WORD]]) -> Self {
        const ONES: u64 = u64::MAX / 255;
        const HIGH_BITS: u64 = ONES << 7;
        let mut seen = Self::default();
        for word in words {
            let word = u64::from_le_bytes(*word);
            // The high bit of each byte says whether it is at least `byte`, as far as it is ASCII.
            let at_least = |byte: u8| (word & !HIGH_BITS) + ONES * u64::from(0x80 - byte);
            let between = |first: u8, last: u8| at_least(first) & !at_least(last + 1) & !word & HIGH_BITS;
            seen.separators |= between(b':', b'=');
            seen.digits += between(b'0', b'9') >> 7;
            let dash = between(b'-', b'-');
            seen.dashes |= dash & dash << 8;
            let blanks = !(at_least(b'+') | word) & HIGH_BITS;
            seen.long |= !blanks & blanks.wrapping_sub(1);
        }
        seen
    }

    const fn union(self, other: Self) -> Self {
        Self {
            separators: self.separators | other.separators,
            dashes: self.dashes | other.dashes,
            long: self.long | other.long,
            digits: self.digits + other.digits,
        }
    }

    const fn is_long(self) -> bool {
        self.long >> 63 != 0
    }

    /// The number of digits.
    const fn digits(self) -> usize {
        (self.digits.wrapping_mul(u64::MAX / 255) >> 56) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_seen() {
        let seen = |text: &str| {
            let mut block = [b' '; BLOCK];
            block[..text.len()].copy_from_slice(text.as_bytes());
            Seen::of(block.as_chunks().0)
        };
        for text in ["the quick brown fox jumps", "é ü ö 日本", "a-b c-d"] {
            let seen = seen(text);
            assert!(
                seen.separators == 0 && seen.dashes == 0 && !seen.is_long() && seen.digits() == 0,
                "{text}: {seen:?}"
            );
        }
        assert!(seen("a=b").separators != 0 && seen("       a:").separators != 0);
        assert!(seen("--").dashes != 0 && seen("       ---").dashes != 0);
        assert_eq!(seen("0123456789012345678901234567890:").digits(), 31);
        // Wherever it begins, a run of the length of a token has a whole word.
        for start in 0..BLOCK - MIN_TOKEN {
            assert!(seen(&format!("{}{}", " ".repeat(start), "x".repeat(MIN_TOKEN))).is_long(), "{start}");
        }
    }
}
