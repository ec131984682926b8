//! From a JSON line to a line for people.

use crate::json::reader::{items, members, string};

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";

/// Text under construction.
struct HumanText {
    text: String,
    colored: bool,
}

impl HumanText {
    fn push_styled(&mut self, style: &str, text: &str) {
        if self.colored && !style.is_empty() {
            self.text.extend([style, text, RESET]);
        } else {
            self.text.push_str(text);
        }
    }
}

/// Renders a JSON line with its error below it. Returns `None` if it is not a line of this crate.
pub(crate) fn render(line: &str, colored: bool) -> Option<String> {
    let mut out = HumanText { text: String::with_capacity(line.len()), colored };
    let (mut target, mut error) = ("", "");
    let mut members_seen = 0;
    for (key, value) in members(line) {
        members_seen += 1;
        match key {
            "timestamp" => out.push_styled(DIM, value.get(12..24)?),
            "level" => {
                let level = string(value)?;
                out.text.push(' ');
                out.push_styled(level_style(level), &format!("{level:>5}"));
                out.text.push(' ');
            }
            "message" => out.push_styled(BOLD, &unquoted(value)),
            "target" => target = string(value)?,
            "error" => error = value,
            _ => {
                out.text.push(' ');
                out.push_styled(DIM, &format!("{key}="));
                out.text.push_str(&field_value(value));
            }
        }
    }
    if members_seen < 4 {
        return None;
    }
    out.text.push(' ');
    out.push_styled(DIM, target);
    out.text.push('\n');
    render_error(&mut out, error);
    Some(out.text)
}

fn render_error(out: &mut HumanText, error: &str) {
    let (mut summary, mut message) = (Vec::new(), String::new());
    for (key, value) in members(error) {
        match (key, value) {
            ("message", _) => {
                message = unquoted(value);
                out.text.push_str("    ");
                out.push_styled(RED, &message);
            }
            (_, "null") => {}
            ("kind" | "reason", _) => summary.push(unquoted(value)),
            ("retry", _) => summary.push(format!("retry {}", unquoted(value))),
            ("attempts", _) => summary.push(format!("{value} attempts")),
            ("stopped", _) => summary.push(format!("stopped: {}", unquoted(value))),
            // The message of an own error begins with its domain.
            ("domain", _) if message.starts_with(&format!("{}: ", unquoted(value))) => {}
            ("domain", _) => summary.push(format!("from {}", unquoted(value))),
            _ => {
                // The first line is about the whole error, and ends where its details begin.
                end_first_line(out, &mut summary);
                for line in details(key, value) {
                    out.text.push_str("    ");
                    out.push_styled(DIM, label(key));
                    out.text.push_str(&line);
                    out.text.push('\n');
                }
            }
        }
    }
    if !error.is_empty() {
        end_first_line(out, &mut summary);
    }
}

/// The labels are those of an error's own report.
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

/// The lines of one member of the error object: one for each item of an array or member of an object.
fn details(key: &str, value: &str) -> Vec<String> {
    match key {
        "attrs" => members(value).map(|(key, value)| format!("{key} = {}", unquoted(value))).collect(),
        "violations" => items(value).map(violation).collect(),
        _ if value.starts_with('[') => items(value).map(unquoted).collect(),
        _ => vec![unquoted(value)],
    }
}

fn violation(item: &str) -> String {
    let member = |name| members(item).find(|(key, _)| *key == name).map(|(_, value)| unquoted(value));
    match member("field").zip(member("description")) {
        Some((field, description)) => format!("{field}: {description}"),
        None => unquoted(item),
    }
}

fn end_first_line(out: &mut HumanText, summary: &mut Vec<String>) {
    if !summary.is_empty() {
        out.text.push_str(&format!(" ({})", summary.join(", ")));
        summary.clear();
    }
    if !out.text.ends_with('\n') {
        out.text.push('\n');
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

/// A value as text. Quotes and backslashes of a string are unescaped; other escapes stay, because they protect the terminal.
fn unquoted(value: &str) -> String {
    let Some(text) = string(value) else { return value.to_owned() };
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(next @ ('"' | '\\'))) => {
                unescaped.push(next);
                chars.next();
            }
            _ => unescaped.push(c),
        }
    }
    unescaped
}

/// The value behind `key=`. A string is quoted if it has blanks or quotes, so that fields stay distinguishable.
fn field_value(value: &str) -> String {
    match string(value) {
        Some(text) if !text.is_empty() && !text.contains([' ', '"', '\\', '=']) => text.to_owned(),
        Some(_) => value.to_owned(),
        None => unquoted(value),
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
    fn the_error_is_below_the_line() {
        assert_eq!(
            render(LINE, false).unwrap(),
            "03:00:12.345 ERROR pay \"now\" failed customer=17 name=\"Jane Doe\" shop::pay\n\
            \x20   gateway did not answer (timeout, retry call, 3 attempts)\n\
            \x20   caused by: reset\n    caused by: os error\n    note: while renewing\n    at: src/pay.rs:88\n"
        );
    }

    #[test]
    fn color_changes_nothing_else() {
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

    /// [S34] No control character of a value reaches a terminal.
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
    fn an_error_without_details_ends_its_line() {
        let line = "{\"timestamp\":\"2026-01-15T03:00:12.345678Z\",\"level\":\"WARN\",\"message\":\"m\",\"target\":\"t\",\
            \"error\":{\"message\":\"text\"}}\n";
        assert_eq!(render(line, false).unwrap(), "03:00:12.345  WARN m t\n    text\n");
    }
}
