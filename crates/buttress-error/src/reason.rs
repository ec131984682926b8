//! Reasons that are received as text.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The maximum number of received reasons that are kept.
const MAX_RECEIVED: usize = 1_024;

static KNOWN: Mutex<Known> = Mutex::new(Known { own: BTreeSet::new(), received: BTreeSet::new() });

struct Known {
    own: BTreeSet<&'static str>,
    received: BTreeSet<&'static str>,
}

/// Registers reasons that the program compares with [`is_reason`](crate::Error::is_reason): its own, and those of its
/// peers. A registered reason is always accepted from the wire, however many others were received before. Call this once
/// at the start. Texts that are not valid reasons are ignored.
///
/// ```
/// use buttress_error::{intern_reason, register_reasons};
///
/// register_reasons(&["CARD_DECLINED", "CARD_EXPIRED"]);
/// assert_eq!(intern_reason("CARD_DECLINED"), Some("CARD_DECLINED"));
/// ```
pub fn register_reasons(reasons: &[&'static str]) {
    lock(|known| known.own.extend(reasons.iter().copied().filter(|reason| is_reason(reason))));
}

/// Returns a received reason as a `'static` text; none if it is not `UPPER_SNAKE` of at most 63 characters that begins
/// with a letter.
///
/// Reasons of [`register_reasons`] are always returned. Of all others the first 1024 are kept until the program ends, and
/// later ones are refused: a peer can fill neither the memory nor the labels of a metric. A flood takes the place of
/// reasons that are not registered, and of no others.
///
/// ```
/// use buttress_error::intern_reason;
///
/// assert_eq!(intern_reason("CARD_DECLINED"), Some("CARD_DECLINED"));
/// assert_eq!(intern_reason("card declined"), None);
/// ```
#[must_use]
pub fn intern_reason(text: &str) -> Option<&'static str> {
    lock(|known| known.intern(text))
}

fn lock<T>(work: impl FnOnce(&mut Known) -> T) -> T {
    work(&mut KNOWN.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Known {
    fn intern(&mut self, text: &str) -> Option<&'static str> {
        if let Some(known) = self.own.get(text).or_else(|| self.received.get(text)) {
            return Some(known);
        }
        if self.received.len() == MAX_RECEIVED || !is_reason(text) {
            return None;
        }
        let text: &'static str = Box::leak(text.into());
        self.received.insert(text);
        Some(text)
    }
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

    /// "Of all others the first 1024 are kept until the program ends, and later ones are refused." "Reasons of
    /// `register_reasons` are always returned."
    #[test]
    fn a_flood_is_refused_and_the_known_ones_stay() {
        let mut known = Known { own: BTreeSet::from(["OURS"]), received: BTreeSet::new() };
        let first = known.intern("A").expect("there is room");
        let taken = (0..2_000).filter(|n| known.intern(&format!("FLOOD_{n}")).is_some()).count();
        assert_eq!(taken, MAX_RECEIVED - 1);
        assert_eq!(known.intern("ONE_MORE"), None);
        assert!(known.intern("A").is_some_and(|again| std::ptr::eq(first, again)), "the same memory");
        assert_eq!(known.intern("OURS"), Some("OURS"));
    }

    #[test]
    fn only_reasons_are_registered() {
        register_reasons(&["REGISTERED", "no reason"]);
        assert!(lock(|known| known.own.contains("REGISTERED")));
        assert_eq!(intern_reason("no reason"), None);
    }
}
