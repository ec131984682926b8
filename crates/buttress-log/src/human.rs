//! `Human`: turns our JSON lines into lines for people.

use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::members::{items, members, string};
use crate::sink::{torn, write_whole};

/// A writer that turns the lines of a [`JsonLayer`](crate::JsonLayer) into text for people, on its way to another
/// writer. What the line says is decided before: redaction, limits and escapes are those of the JSON line.
///
/// ```text
/// 03:00:12.345 ERROR payment failed customer=17 amount=4999 shop::pay
///     gateway did not answer (timeout, retry call, 3 attempts)
///     caused by: connection reset by peer (os error 104)
///     note: while renewing subscription 42
///     at: src/pay.rs:88
/// ```
///
/// ```
/// use buttress_log::{Human, JsonLayer};
///
/// let layer = JsonLayer::new(Human::new(std::io::stderr));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct Human<W> {
    writer: W,
    colored: bool,
}

impl<W> Human<W> {
    /// Lines without colour, to `writer`.
    pub const fn new(writer: W) -> Self {
        Self { writer, colored: false }
    }

    /// Colours them with ANSI escape sequences.
    #[must_use]
    pub const fn colored(mut self) -> Self {
        self.colored = true;
        self
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Human<W> {
    type Writer = HumanWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        HumanWriter { inner: self.writer.make_writer(), colored: self.colored }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        HumanWriter { inner: self.writer.make_writer_for(metadata), colored: self.colored }
    }
}

/// The writer that [`Human`] makes. Expects a whole line in each write; passes on what is no JSON line as it is.
#[derive(Debug)]
pub struct HumanWriter<W> {
    inner: W,
    colored: bool,
}

impl<W: Write> Write for HumanWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let human = std::str::from_utf8(line).ok().and_then(|line| render(line, self.colored));
        let mut cut = false;
        let written = write_whole(&mut self.inner, human.as_deref().map_or(line, str::as_bytes), &mut cut);
        match written {
            Ok(()) => Ok(line.len()),
            Err(error) => Err(if cut { torn(error) } else { error }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";

struct Page {
    text: String,
    colored: bool,
}

impl Page {
    fn put(&mut self, style: &str, text: &str) {
        if self.colored && !style.is_empty() {
            self.text.extend([style, text, RESET]);
        } else {
            self.text.push_str(text);
        }
    }
}

/// None if it is no line of ours.
fn render(line: &str, colored: bool) -> Option<String> {
    let mut page = Page { text: String::with_capacity(line.len()), colored };
    let (mut target, mut error) = ("", "");
    let mut seen = 0;
    for (key, value) in members(line) {
        seen += 1;
        match key {
            "timestamp" => page.put(DIM, value.get(12..24)?),
            "level" => {
                let level = string(value)?;
                page.text.push(' ');
                page.put(level_style(level), &format!("{level:>5}"));
                page.text.push(' ');
            }
            "message" => page.put(BOLD, &plain(value)),
            "target" => target = string(value)?,
            "error" => error = value,
            _ => {
                page.text.push(' ');
                page.put(DIM, &format!("{key}="));
                page.text.push_str(&readable(value));
            }
        }
    }
    if seen < 4 {
        return None;
    }
    page.text.push(' ');
    page.put(DIM, target);
    page.text.push('\n');
    render_error(&mut page, error);
    Some(page.text)
}

fn render_error(page: &mut Page, error: &str) {
    let (mut about, mut message) = (Vec::new(), String::new());
    for (key, value) in members(error) {
        match (key, value) {
            ("message", _) => {
                message = plain(value);
                page.text.push_str("    ");
                page.put(RED, &message);
            }
            (_, "null") => {}
            ("kind" | "reason", _) => about.push(plain(value)),
            ("retry", _) => about.push(format!("retry {}", plain(value))),
            ("attempts", _) => about.push(format!("{value} attempts")),
            ("stopped", _) => about.push(format!("stopped: {}", plain(value))),
            // The message of our own error begins with it.
            ("domain", _) if message.starts_with(&format!("{}: ", plain(value))) => {}
            ("domain", _) => about.push(format!("from {}", plain(value))),
            _ => {
                // The line about the whole error ends where its details begin.
                end_head(page, &mut about);
                for line in details(key, value) {
                    page.text.push_str("    ");
                    page.put(DIM, label(key));
                    page.text.push_str(&line);
                    page.text.push('\n');
                }
            }
        }
    }
    if !error.is_empty() {
        end_head(page, &mut about);
    }
}

/// As in the report of an error.
fn label(key: &str) -> &'static str {
    match key {
        "chain" => "caused by: ",
        "errors" => "error: ",
        "violations" => "field: ",
        "notes" => "note: ",
        "hints" => "hint: ",
        "attrs" => "with: ",
        _ => "at: ",
    }
}

/// The lines about one member of the error object: an item of a list each, or a member of an object.
fn details(key: &str, value: &str) -> Vec<String> {
    match key {
        "attrs" => members(value).map(|(key, value)| format!("{key} = {}", plain(value))).collect(),
        "violations" => items(value).map(violation).collect(),
        _ if value.starts_with('[') => items(value).map(plain).collect(),
        _ => vec![plain(value)],
    }
}

fn violation(item: &str) -> String {
    let member = |name| members(item).find(|(key, _)| *key == name).map(|(_, value)| plain(value));
    match member("field").zip(member("description")) {
        Some((field, description)) => format!("{field}: {description}"),
        None => plain(item),
    }
}

fn end_head(page: &mut Page, about: &mut Vec<String>) {
    if !about.is_empty() {
        page.text.push_str(&format!(" ({})", about.join(", ")));
        about.clear();
    }
    if !page.text.ends_with('\n') {
        page.text.push('\n');
    }
}

fn level_style(level: &str) -> &'static str {
    match level {
        "ERROR" => "\x1b[1;31m",
        "WARN" => "\x1b[33m",
        "INFO" => "\x1b[32m",
        "DEBUG" => "\x1b[34m",
        _ => "\x1b[35m",
    }
}

/// The text of a string, its quotes and backslashes as they were; escapes of what could harm a terminal stay.
fn plain(value: &str) -> String {
    let Some(text) = string(value) else { return value.to_owned() };
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(next @ ('"' | '\\'))) => {
                plain.push(next);
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    plain
}

/// A value as it stands behind `key=`: quoted if it has blanks or quotes, so that fields stay apart.
fn readable(value: &str) -> String {
    match string(value) {
        Some(text) if !text.is_empty() && !text.contains([' ', '"', '\\', '=']) => text.to_owned(),
        Some(_) => value.to_owned(),
        None => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"timestamp\":\"2026-01-15T03:00:12.345678Z\",\"level\":\"ERROR\",\"message\":\"pay \\\"now\\\" failed\",\
        \"target\":\"shop::pay\",\"customer\":17,\"name\":\"Jane Doe\",\"error\":{\"message\":\"gateway did not answer\",\
        \"kind\":\"timeout\",\"reason\":null,\"retry\":\"call\",\"attempts\":3,\"chain\":[\"reset\",\"os error\"],\
        \"notes\":[\"while renewing\"],\"at\":\"src/pay.rs:88\"}}\n";

    #[test]
    fn one_line_and_the_error_below() {
        assert_eq!(
            render(LINE, false).unwrap(),
            "03:00:12.345 ERROR pay \"now\" failed customer=17 name=\"Jane Doe\" shop::pay\n\
            \x20   gateway did not answer (timeout, retry call, 3 attempts)\n\
            \x20   caused by: reset\n    caused by: os error\n    note: while renewing\n    at: src/pay.rs:88\n"
        );
    }

    #[test]
    fn colour_changes_nothing_else() {
        let colored = render(LINE, true).unwrap();
        assert!(colored.contains("\x1b[1;31mERROR\x1b[0m"));
        let mut plain = String::new();
        for part in colored.split('\x1b') {
            plain.push_str(
                part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, text)| text),
            );
        }
        assert_eq!(plain, render(LINE, false).unwrap());
    }

    /// [S34] A terminal gets no control character out of a value.
    #[test]
    fn escapes_stay_escaped() {
        let line = LINE.replace("Jane Doe", "\\u001b[2J\\n\\u202e").replace("while renewing", "a\\nb\\u0007");
        let human = render(&line, false).unwrap();
        assert!(
            human.contains("name=\"\\u001b[2J\\n\\u202e\"") && human.contains("note: a\\nb\\u0007\n"),
            "{human}"
        );
        assert!(!human.contains(['\x1b', '\u{202e}', '\u{7}']));
        assert_eq!(human.lines().count(), 6);
    }

    #[test]
    fn an_error_without_details_still_ends_its_line() {
        let line = "{\"timestamp\":\"2026-01-15T03:00:12.345678Z\",\"level\":\"WARN\",\"message\":\"m\",\"target\":\"t\",\
            \"error\":{\"message\":\"text\"}}\n";
        assert_eq!(render(line, false).unwrap(), "03:00:12.345  WARN m t\n    text\n");
    }

    #[test]
    fn other_text_passes_as_it_is() {
        let mut out = Vec::new();
        let mut writer = HumanWriter { inner: &mut out, colored: true };
        writer.write_all(b"not json\n").unwrap();
        writer.write_all(b"\xff{}\n").unwrap();
        writer.write_all(b"{\"timestamp\":\"1\"}\n").unwrap();
        assert_eq!(out, b"not json\n\xff{}\n{\"timestamp\":\"1\"}\n");
    }
}
