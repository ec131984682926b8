//! The quick answer for most texts: no secret.

use std::cell::LazyCell;

use super::bytes::position;
use super::detectors::Detectors;
use super::scan::is_separator;
use super::{assignment, card};

/// Returns `false` only if the detectors find nothing in a text whose form as a JSON string this is. (What is escaped is no
/// part of a mark.) `may_have_token` returns `false` only for a text without any of the [`MARKS`](super::token::MARKS).
pub fn may_hold_secret(json: &[u8], detectors: Detectors, may_have_token: impl Fn(&[u8]) -> bool) -> bool {
    let has = |byte: u8| position(json, 0, |other| other == byte).is_some();
    // Searched at most once: a hostile text has many URLs.
    let has_at = LazyCell::new(|| has(b'@'));
    let mut separators =
        std::iter::successors(position(json, 0, is_separator), |at| position(json, at + 1, is_separator));
    separators.any(|at| match json[at..] {
        [b'~', ..] => at > 0 && json[at - 1] == b'Q',
        // A password of a URL ends with `@`.
        [b':', b'/', b'/', ..] => *has_at,
        _ => assignment::may_be_at(json, at),
    }) || may_have_token(json)
        || card::may_be_in(json)
        || detectors.wants_emails() && *has_at
        || detectors.wants_ip_addresses() && (has(b'.') || has(b':'))
}
