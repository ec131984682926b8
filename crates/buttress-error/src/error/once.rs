//! The texts of a chain, each said once: many errors repeat the text of their cause after a colon.

use std::error::Error as StdError;

use super::render::Verbatim;
use crate::contain;

/// Returns the texts of the links, outermost first, without what an outer one repeats of an inner one.
///
/// The chain `a: b: disk`, `b: disk`, `disk` becomes `a`, `b`, `disk`. A text repeats its cause if it ends with `: ` and
/// the text of the cause, or the line of all causes below. A cause of the very same text is left out.
pub(super) fn said_once(links: &[&(dyn StdError + 'static)]) -> Vec<String> {
    without_repetition(links.iter().map(|link| contain::text(Verbatim(*link))).collect())
}

fn without_repetition(texts: Vec<String>) -> Vec<String> {
    // From the inside out. `cause` is the text of the link below, `line` what all links below say together.
    let mut once: Vec<String> = Vec::with_capacity(texts.len());
    let mut below: Option<(String, String)> = None;
    for text in texts.into_iter().rev() {
        let Some((cause, line)) = below.take() else {
            below = Some((text.clone(), text.clone()));
            once.push(text);
            continue;
        };
        if text == cause {
            below = Some((cause, line));
            continue;
        }
        let own = before(&text, &line).or_else(|| before(&text, &cause)).unwrap_or(&text).to_owned();
        below = Some((text, format!("{own}: {line}")));
        once.push(own);
    }
    once.reverse();
    once
}

/// What stands before `: cause` at the end of the text.
fn before<'t>(text: &'t str, cause: &str) -> Option<&'t str> {
    let own = text.strip_suffix(cause)?.strip_suffix(": ")?;
    (!cause.is_empty() && !own.is_empty()).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn once(texts: &[&str], expected: &[&str]) {
        assert_eq!(without_repetition(texts.iter().map(|text| (*text).to_owned()).collect()), expected);
    }

    #[test]
    fn a_text_that_repeats_its_cause_is_cut() {
        once(&["a: b: disk", "b: disk", "disk"], &["a", "b", "disk"]);
        once(&["a: b: disk", "b", "disk"], &["a", "b", "disk"]);
        once(&["a", "b: disk", "disk"], &["a", "b", "disk"]);
        once(&["a: disk", "disk"], &["a", "disk"]);
        once(&["disk", "disk", "disk"], &["disk"]);
        once(&["a: disk", "a: disk", "disk"], &["a", "disk"]);
    }

    /// Only at the end, and only after a colon.
    #[test]
    fn a_text_that_is_equal_by_chance_stays() {
        once(&["disk: full", "disk"], &["disk: full", "disk"]);
        once(&["bad disk", "disk"], &["bad disk", "disk"]);
        once(&["a:disk", "disk"], &["a:disk", "disk"]);
        once(&["a: disk: x", "disk", "b"], &["a: disk: x", "disk", "b"]);
        once(&["a: 1: disk", "x", "disk"], &["a: 1: disk", "x", "disk"]);
        once(&["a: ", ""], &["a: ", ""]);
        once(&[": disk", "disk"], &[": disk", "disk"]);
        once(&["a"], &["a"]);
    }
}
