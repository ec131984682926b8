//! Card numbers ([ISO/IEC 7812](https://www.iso.org/standard/70484.html)): 13 to 19 digits with the prefix and a length of a
//! known network, and the check digit of Luhn.

use super::spans::Spans;

/// The shortest number of a card, and the longest, in digits.
pub(super) const MIN: usize = 13;
const MAX: usize = 19;
const BLOCK: usize = 32;

/// Finds the card numbers of a text.
pub(super) fn all(text: &[u8], spans: &mut Spans) {
    // Two blocks that a number lies in have all of its digits. Texts with fewer digits are passed at the speed of vector
    // instructions.
    let digits = |block: &[u8]| block.iter().fold(0u8, |count, byte| count + u8::from(byte.is_ascii_digit()));
    let mut before = 0;
    let mut read = 0;
    for (index, block) in text.chunks(BLOCK).enumerate() {
        let count = digits(block);
        if usize::from(before) + usize::from(count) >= MIN {
            let start = (index * BLOCK).saturating_sub(BLOCK).max(read);
            read = in_blocks(text, start, index * BLOCK + block.len(), spans);
        }
        before = count;
    }
}

/// Finds the numbers that begin from `at` on and before `end`. Returns how far the text was read.
fn in_blocks(text: &[u8], mut at: usize, end: usize, spans: &mut Spans) -> usize {
    // The middle of a run is no start.
    while at > 0 && at < text.len() && text[at].is_ascii_digit() && text[at - 1].is_ascii_digit() {
        at += 1;
    }
    while let Some(start) = text[at.min(end)..end].iter().position(u8::is_ascii_digit).map(|index| at + index)
    {
        let run = digits_end(text, start);
        at = match number_end(text, start, run) {
            Some(end) => {
                spans.add(start, end);
                end
            }
            None => run,
        };
    }
    at.max(end)
}

/// Returns `false` only if no card number is in a text, or in its form as a JSON string.
pub(super) fn may_be_in(text: &[u8]) -> bool {
    // The digits of groups with at most one separator between them.
    let (mut at, mut digits, mut read) = (0, 0, 0);
    while let Some(start) = text[at..].iter().position(u8::is_ascii_digit).map(|index| at + index) {
        let run = digits_end(text, start);
        let continues = digits > 0 && start == read + 1 && matches!(text[read], b' ' | b'-');
        digits = run - start + if continues { digits } else { 0 };
        if digits >= MIN {
            return true;
        }
        (at, read) = (run, run);
    }
    false
}

fn digits_end(text: &[u8], at: usize) -> usize {
    super::bytes::run_end(text, at, |byte| byte.is_ascii_digit())
}

/// Returns where a card number ends that begins with the run of digits from `start` to `run`.
fn number_end(text: &[u8], start: usize, run: usize) -> Option<usize> {
    if run - start > MAX || !may_follow(&text[..start]) {
        return None;
    }
    let mut digits = Digits::default();
    digits.push(&text[start..run]);
    if digits.len >= MIN {
        return (digits.is_card(false) && may_precede(&text[run..])).then_some(run);
    }
    // Groups with one separator, as they are printed on a card.
    let separator = *text.get(run).filter(|byte| matches!(byte, b' ' | b'-'))?;
    if !matches!(run - start, 2..=6) || is_after_group(&text[..start], separator) {
        return None;
    }
    let mut end = run;
    let mut found = None;
    while digits.len < MAX && text.get(end) == Some(&separator) {
        let group = digits_end(text, end + 1);
        if !(1..=7).contains(&(group - end - 1)) || digits.len + group - end - 1 > MAX {
            break;
        }
        digits.push(&text[end + 1..group]);
        end = group;
        if digits.len >= MIN
            && digits.is_card(true)
            && may_precede(&text[end..])
            && !is_before_group(&text[end..], separator)
        {
            found = Some(end);
        }
    }
    found
}

/// Returns `true` if four digits and the separator are before: the run is longer than a number.
fn is_after_group(before: &[u8], separator: u8) -> bool {
    let Some(before) = before.strip_suffix(&[separator]) else { return false };
    separator == b'-' && before.last().is_some_and(u8::is_ascii_alphanumeric)
        || before.iter().rev().take(4).filter(|byte| byte.is_ascii_digit()).count() == 4
}

fn is_before_group(behind: &[u8], separator: u8) -> bool {
    let Some(behind) = behind.strip_prefix(&[separator]) else { return false };
    separator == b'-' && behind.first().is_some_and(u8::is_ascii_alphanumeric)
        || behind.iter().take(4).filter(|byte| byte.is_ascii_digit()).count() == 4
}

/// A number is not in the middle of a word or of a decimal fraction.
fn may_follow(before: &[u8]) -> bool {
    match before {
        [.., digit, b'.' | b','] => !digit.is_ascii_digit(),
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., last] => !last.is_ascii_alphanumeric() && *last != b'_' && last.is_ascii(),
        [] => true,
    }
}

fn may_precede(behind: &[u8]) -> bool {
    match behind {
        [b'.', digit, ..] => !digit.is_ascii_digit(),
        [first, ..] => !first.is_ascii_alphanumeric() && *first != b'_' && first.is_ascii(),
        [] => true,
    }
}

#[derive(Default)]
struct Digits {
    digits: [u8; MAX],
    len: usize,
}

impl Digits {
    /// Appends digits; there is room for them.
    fn push(&mut self, digits: &[u8]) {
        self.digits[self.len..self.len + digits.len()].copy_from_slice(digits);
        self.len += digits.len();
    }

    fn is_card(&self, grouped: bool) -> bool {
        let digits = &self.digits[..self.len];
        is_known(digits, grouped) && passes_luhn(digits)
    }
}

/// Returns `true` for the first digits and the length of a network's numbers. Long numbers of networks that rarely have them
/// must be in groups, since many ids have as many digits.
fn is_known(digits: &[u8], grouped: bool) -> bool {
    let prefix = digits[..6].iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    match (prefix, digits.len()) {
        // Visa.
        (400_000..=499_999, 13 | 16) => true,
        (400_000..=499_999, 19) => grouped,
        // Mastercard.
        (510_000..=559_999 | 222_100..=272_099, 16) => true,
        // American Express.
        (340_000..=349_999 | 370_000..=379_999, 15) => true,
        // Diners Club.
        (300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999, 14 | 16) => true,
        // Discover, UnionPay.
        (601_100..=601_199 | 644_000..=659_999, 16) => true,
        (601_100..=601_199 | 644_000..=659_999, 17..=19) => grouped,
        (620_000..=629_999 | 810_000..=817_199, 16..=19) => true,
        // JCB.
        (352_800..=358_999, 16) | (213_100..=213_199 | 180_000..=180_099, 15) => true,
        (352_800..=358_999, 17..=19) => grouped,
        // Maestro, Mir, RuPay, Elo.
        (500_000..=509_999 | 560_000..=589_999 | 630_000..=639_999 | 670_000..=679_999, 16) => true,
        (500_000..=509_999 | 560_000..=589_999 | 630_000..=639_999 | 670_000..=679_999, 13 | 17..=19) => {
            grouped
        }
        (220_000..=220_499 | 600_000..=609_999, 16) => true,
        _ => false,
    }
}

/// The check digit of [ISO/IEC 7812-1](https://www.iso.org/standard/70484.html), annex B.
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            if index % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}
