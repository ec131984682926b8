//! Private keys in PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)), also of OpenSSH, SSH2 and PGP.

use super::bytes::{find, run_end};
use super::spans::Spans;

/// The longest label that is read, in bytes.
const MAX_LABEL: usize = 64;
/// The fewest dashes before `BEGIN`: of three that follow each other two are in one word of the quick check.
const MIN_DASHES: usize = 3;

/// Finds a block whose word `BEGIN` is at `at`. Returns where the block ends: at the end of the text if it was cut.
pub(super) fn at(text: &[u8], at: usize, spans: &mut Spans) -> Option<usize> {
    let rest = text[at..].strip_prefix(b"BEGIN ")?;
    let is_label = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    let rest = &rest[..rest.len().min(MAX_LABEL)];
    let label = &rest[..run_end(rest, 0, is_label)];
    find(label, 0, b"PRIVATE KEY")?;
    let is_dash = |byte: u8| byte == b'-';
    let before = text[..at].iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    let start = text[..before].iter().rposition(|byte| !is_dash(*byte)).map_or(0, |last| last + 1);
    if before - start < MIN_DASHES {
        return None;
    }
    let body = at + "BEGIN ".len() + label.len();
    let end = end_line(text, body).map_or(text.len(), |end| run_end(text, end, is_dash));
    spans.add(start, end);
    Some(end)
}

/// Returns the end of the label of the next line that begins with dashes and `END`.
fn end_line(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = find(text, at, b"--")?;
        at = run_end(text, at, |byte| byte == b'-');
        let word = at + usize::from(text.get(at) == Some(&b' '));
        if text[word..].starts_with(b"END ") {
            return Some(run_end(text, word, |byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
            }));
        }
    }
}
