//! Reasons that arrive as text.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How many texts are kept at most.
const MAX_KEPT: usize = 1_024;

static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// A reason that came over a wire, as one that lives as long as the program; none where it is not `UPPER_SNAKE` of at
/// most 63 characters, beginning with a letter.
///
/// The first 1024 different ones are kept for good, 63 bytes each at most; more are refused, so that nobody outside can
/// fill the memory, or the labels of a metric.
///
/// ```
/// use buttress_error::intern_reason;
///
/// assert_eq!(intern_reason("CARD_DECLINED"), Some("CARD_DECLINED"));
/// assert_eq!(intern_reason("card declined"), None);
/// ```
#[must_use]
pub fn intern_reason(text: &str) -> Option<&'static str> {
    intern(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner), text)
}

fn intern(kept: &mut BTreeSet<&'static str>, text: &str) -> Option<&'static str> {
    if let Some(known) = kept.get(text) {
        return Some(known);
    }
    if kept.len() == MAX_KEPT || !is_reason(text) {
        return None;
    }
    let text: &'static str = Box::leak(text.into());
    kept.insert(text);
    Some(text)
}

fn is_reason(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_upper_snake_is_a_reason() {
        for good in ["A", "CARD_DECLINED", "HTTP_402", &"A".repeat(63)] {
            assert_eq!(intern_reason(good), Some(good));
        }
        for bad in ["", "a", "_A", "4XX", "CARD-DECLINED", "CARD DECLINED", "ÄRGER", &"A".repeat(64)] {
            assert_eq!(intern_reason(bad), None, "{bad}");
        }
    }

    /// "The first 1024 different ones are kept for good; more are refused."
    #[test]
    fn a_flood_is_refused_and_the_known_ones_stay() {
        let mut kept = BTreeSet::new();
        let first = intern(&mut kept, "A").expect("there is room");
        let taken = (0..2_000).filter(|n| intern(&mut kept, &format!("FLOOD_{n}")).is_some()).count();
        assert_eq!(taken, MAX_KEPT - 1);
        assert_eq!(intern(&mut kept, "ONE_MORE"), None);
        assert!(intern(&mut kept, "A").is_some_and(|again| std::ptr::eq(first, again)), "the same memory");
    }
}
