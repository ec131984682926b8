//! The search of what is left: a mark in place of a secret may be the boundary that another secret lacked.

use std::ops::Range;

use super::detectors::MARK;
use super::spans::Spans;

/// How often a text is searched at most, so that the time stays proportional to its length. Twice is enough for most.
const MAX_ROUNDS: usize = 8;

/// Returns all that `scan` finds in a text, and in the text with marks in place of what was found, until nothing is left.
pub(crate) fn find(text: &str, scan: impl Fn(&[u8]) -> Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut found = scan(text.as_bytes());
    for _ in 1..MAX_ROUNDS {
        if found.is_empty() {
            break;
        }
        let more = scan(marked(text, &found).as_bytes());
        if more.is_empty() {
            break;
        }
        found = union(&found, &more);
    }
    found
}

/// Returns the text with a mark in place of each span.
pub(crate) fn marked(text: &str, spans: &[Range<usize>]) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut copied = 0;
    for span in spans {
        marked.push_str(&text[copied..span.start]);
        marked.push_str(MARK);
        copied = span.end;
    }
    marked.push_str(&text[copied..]);
    marked
}

/// Adds spans of the marked text to those whose marks it has.
fn union(found: &[Range<usize>], more: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut all = Spans::default();
    found.iter().for_each(|span| all.add(span.start, span.end));
    for span in more {
        all.add(original(found, span.start, false), original(found, span.end, true));
    }
    all.merged()
}

/// Returns the position in the text of a position in the marked text. One inside a mark is that of its start, or of its end.
fn original(found: &[Range<usize>], at: usize, end: bool) -> usize {
    // The position in the marked text of the end of the last mark, and in the text.
    let (mut marked, mut copied) = (0, 0);
    for span in found {
        let mark = marked + span.start - copied;
        if at <= mark {
            break;
        }
        if at < mark + MARK.len() {
            return if end { span.end } else { span.start };
        }
        (marked, copied) = (mark + MARK.len(), span.end);
    }
    copied + at - marked
}
