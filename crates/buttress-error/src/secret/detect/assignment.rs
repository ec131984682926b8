//! Values with the name of a secret before them: `password=…`, `"token":"…"`, `api_key: Some("…")`, `Cookie: …`.

use super::bytes::{is_opaque, run_end};
use super::header;
use super::placeholder::is_placeholder;
use super::spans::Spans;
use crate::secret::name::{is_secret, is_secret_number, may_be_secret};

/// The longest name that is read, in bytes.
const MAX_NAME: usize = 64;
/// How many backslashes may be before the quote behind a name. As a JSON string the text has twice as many, and one more.
const MAX_SLASHES: usize = 16;
/// How many types may be around a value: `Some(Password("…"))`.
const MAX_WRAPPERS: usize = 3;
/// A parameter `code` or `key` of a URL is a credential if its value is this long, in bytes.
const MIN_PARAMETER: usize = 16;

/// The name before a separator.
struct Name<'a> {
    text: &'a str,
    start: usize,
    /// The name itself is in quotes.
    quoted: bool,
    /// A blank is between name and separator.
    spaced: bool,
}

/// Finds the value behind the separator at `at`, which is `:` or `=`. Returns where to go on.
pub(super) fn at(text: &[u8], at: usize, spans: &mut Spans) -> usize {
    let next = at + 1;
    match (text[at], text.get(next)) {
        // Operators, and paths of Rust.
        (b'=', Some(b'=')) | (b':', Some(b':')) => return next + 1,
        (b':', Some(b'=')) | (_, None) => return next,
        _ => {}
    }
    let Some(name) = name_before(text, at, MAX_SLASHES) else { return next };
    if !may_be_secret(name.text) && !is_parameter(text, &name) {
        return next;
    }
    value(text, at, &name, spans).unwrap_or(next)
}

/// Returns `false` only if no value of a secret is behind the separator at `at`, of a text or of its form as a JSON string.
pub(super) fn may_be_at(text: &[u8], at: usize) -> bool {
    let name = name_before(text, at, 2 * MAX_SLASHES + 1);
    name.is_some_and(|name| may_be_secret(name.text) || is_parameter(text, &name))
}

fn name_before(text: &[u8], at: usize, slashes: usize) -> Option<Name<'_>> {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%');
    let mut end = at;
    if text[..end].ends_with(b":") {
        end -= 1;
    }
    let spaced = text[..end].ends_with(b" ");
    end -= usize::from(spaced);
    let quoted = text[..end].last().is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if quoted {
        end -= 1;
        end -= text[..end].iter().rev().take_while(|byte| **byte == b'\\').take(slashes).count();
    }
    let len = text[..end].iter().rev().take(MAX_NAME).take_while(|byte| is_part(**byte)).count();
    let start = end - len;
    // ASCII alone, so it is text.
    let text = std::str::from_utf8(&text[start..end]).ok().filter(|name| !name.is_empty())?;
    Some(Name { text, start, quoted, spaced })
}

/// Returns `true` for a parameter in the query of a URL that is a credential only there, by its length.
fn is_parameter(text: &[u8], name: &Name<'_>) -> bool {
    matches!(name.text, "code" | "key" | "sig" | "signature") && text[..name.start].ends_with(b"?")
        || text[..name.start].ends_with(b"&") && matches!(name.text, "code" | "key" | "sig" | "signature")
}

fn value(text: &[u8], at: usize, name: &Name<'_>, spans: &mut Spans) -> Option<usize> {
    let equals = text[at] == b'=';
    let arrow = equals && text.get(at + 1) == Some(&b'>');
    let mut start = at + 1 + usize::from(arrow);
    let blanks = run_end(text, start, |byte| byte == b' ') - start;
    // `password= user=bob` has no password.
    if equals && !arrow && blanks > usize::from(name.spaced) {
        return None;
    }
    start += blanks;
    let unwrapped = unwrapped(text, start);
    if let Some((open, quote)) = opening_quote(text, unwrapped) {
        return quoted(text, open, quote, name, spans);
    }
    if text[start..].starts_with(b"[") {
        return list(text, start, name, spans);
    }
    if arrow {
        return None;
    }
    let in_quotes = name
        .start
        .checked_sub(1)
        .map(|before| text[before])
        .filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let is_line = !equals && !name.quoted;
    if is_line && header::is_cookie(name.text.as_bytes()) {
        return header::cookies(text, start, in_quotes, spans);
    }
    if header::is_authorization(name.text.as_bytes()) {
        return header::credentials(text, start, spans);
    }
    bare(text, start, name, equals, spans)
}

/// Skips the types around a value in the form of `Debug`.
fn unwrapped(text: &[u8], mut at: usize) -> usize {
    for _ in 0..MAX_WRAPPERS {
        let end = run_end(text, at, |byte| byte.is_ascii_alphanumeric());
        if end == at || text.get(end) != Some(&b'(') {
            break;
        }
        at = end + 1;
    }
    at
}

/// Returns where a quoted text begins, and the byte that ends it with the number of backslashes before that byte.
fn opening_quote(text: &[u8], at: usize) -> Option<(usize, (u8, usize))> {
    let prefix = usize::from(matches!(text[at..], [b'b' | b'r', b'"' | b'\'', ..]));
    let at = at + prefix;
    let slashes = run_end(text, at, |byte| byte == b'\\') - at;
    let quote = *text.get(at + slashes)?;
    matches!(quote, b'"' | b'\'' | b'`').then_some((at + slashes + 1, (quote, slashes)))
}

/// Returns where a quoted text ends, or the end of the text if it was cut.
fn closing_quote(text: &[u8], mut at: usize, (quote, slashes): (u8, usize)) -> usize {
    while at < text.len() {
        let escapes = run_end(text, at, |byte| byte == b'\\') - at;
        match text.get(at + escapes) {
            // A quote in the text has more backslashes than the one that ends it.
            Some(byte) if *byte == quote && escapes <= slashes => return at,
            Some(_) => at += escapes + 1,
            None => break,
        }
    }
    text.len()
}

fn quoted(text: &[u8], open: usize, quote: (u8, usize), name: &Name<'_>, spans: &mut Spans) -> Option<usize> {
    let end = closing_quote(text, open, quote);
    let value = &text[open..end];
    if is_placeholder(value) || !is_secret_of(name.text, value) {
        return None;
    }
    spans.add(open, end);
    Some(end)
}

/// A list of secrets: all of it, without its brackets.
fn list(text: &[u8], open: usize, name: &Name<'_>, spans: &mut Spans) -> Option<usize> {
    let start = open + 1;
    opening_quote(text, start)?;
    let end = run_end(text, start, |byte| byte != b']');
    if !is_secret_of(name.text, &text[start..end]) {
        return None;
    }
    spans.add(start, end);
    Some(end)
}

/// A value without quotes.
fn bare(text: &[u8], start: usize, name: &Name<'_>, equals: bool, spans: &mut Spans) -> Option<usize> {
    let mut end = start;
    loop {
        end = run_end(text, end, |byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'&' | b';' | b',' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'|')
        });
        // A comma is a part of the value unless something follows it that is not.
        if text.get(end) != Some(&b',') || ends_value(text, end + 1) {
            break;
        }
        end += 1;
    }
    if text[start..].starts_with(b"<") {
        return None;
    }
    let value = trimmed(&text[start..end]);
    let end = start + value.len();
    let is_secret = if is_secret_of(name.text, value) {
        // After a colon a word of prose may follow: `unexpected token: identifier`.
        equals || name.quoted || is_opaque(value)
    } else {
        equals && value.len() >= MIN_PARAMETER && is_opaque(value) && is_parameter(text, name)
    };
    if !is_secret || is_placeholder(value) {
        return None;
    }
    // `authorization=Bearer …`
    let scheme = [&b"bearer"[..], b"basic", b"token"].iter().any(|scheme| value.eq_ignore_ascii_case(scheme));
    if scheme && text.get(end) == Some(&b' ') {
        return header::credentials(text, start, spans);
    }
    spans.add(start, end);
    Some(end)
}

/// Returns `true` if what follows a comma is not a part of the value before it: a blank, a quote, or another name.
fn ends_value(text: &[u8], at: usize) -> bool {
    let name = run_end(&text[..text.len().min(at + MAX_NAME)], at, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
    });
    match text.get(name) {
        None => true,
        Some(byte) if name == at => byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`'),
        Some(byte) => matches!(byte, b'=' | b':'),
    }
}

/// The value without brackets that close something before it, and without the end of a sentence.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [before @ .., last] = value {
        let open = match last {
            b')' => b'(',
            b']' => b'[',
            b'}' => b'{',
            b'.' | b'!' | b'?' | b':' if before.iter().all(u8::is_ascii_alphanumeric) => 0,
            _ => break,
        };
        if before.contains(&open) {
            break;
        }
        value = before;
    }
    value
}

/// Returns `true` if a value of this name is secret. A number may be a count.
fn is_secret_of(name: &str, value: &[u8]) -> bool {
    let is_number = value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    if is_number || matches!(value, b"true" | b"false") { is_secret_number(name) } else { is_secret(name) }
}
