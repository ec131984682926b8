//! From JSON to JSON without secrets, with its texts cut.

use crate::encode::name::{REDACTED, REDACTED_START};
use crate::encode::value::{Value, ValueFormat};
use crate::json::escape::unescape;
use crate::json::reader::{items, members, string};
use crate::redaction::{Redactor, Showing};

/// Appends `json`, whose path is `name`, with at most about `format.limit` bytes.
pub(super) fn append(out: &mut Vec<u8>, name: &[u8], json: &str, format: ValueFormat<'_>) {
    let end = out.len().saturating_add(format.limit);
    let has_paths = format.redactor.is_some_and(Redactor::has_names);
    let mut path = has_paths.then(|| name.to_vec());
    Walk { end, format }.value(out, json, &mut path);
}

/// Shorter texts are never cut: no item begins where no room is left, and marks must stay whole.
const SHORT: usize = 32;

#[derive(Clone, Copy)]
struct Walk<'a> {
    end: usize,
    format: ValueFormat<'a>,
}

impl Walk<'_> {
    fn value(self, out: &mut Vec<u8>, json: &str, path: &mut Option<Vec<u8>>) {
        match json.as_bytes().first() {
            Some(b'{') => self.object(out, json, path),
            Some(b'[') => {
                out.push(b'[');
                for (index, item) in items(json).enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.value(out, item, path);
                }
                out.push(b']');
            }
            Some(b'"') => self.text(out, json),
            _ => match json.parse::<u64>() {
                // A number may be that of a card.
                Ok(number) => Value::U64(number).write(out, self.format),
                Err(_) => out.extend_from_slice(json.as_bytes()),
            },
        }
    }

    fn object(self, out: &mut Vec<u8>, json: &str, path: &mut Option<Vec<u8>>) {
        out.push(b'{');
        let mut redacted_keys = 0;
        for (index, (key, value)) in members(json).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.key(out, key, &mut redacted_keys);
            out.push(b':');
            let parent = path.as_mut().map(|path| {
                let parent = path.len();
                path.push(b'.');
                path.extend_from_slice(key.as_bytes());
                parent
            });
            self.member(out, key, value, path);
            if let (Some(path), Some(parent)) = (path.as_mut(), parent) {
                path.truncate(parent);
            }
        }
        out.push(b'}');
    }

    /// A key may be a token. Those that are have the same mark, and so an underscore more for each.
    fn key(self, out: &mut Vec<u8>, key: &str, redacted: &mut usize) {
        out.push(b'"');
        let is_mark = key.as_bytes().starts_with(REDACTED_START);
        let found = self.format.redactor.filter(|redactor| {
            redactor.may_find(key.as_bytes()) && !redactor.find(&unescape(key.as_bytes())).is_empty()
        });
        if is_mark || found.is_some() {
            found.inspect(|redactor| redactor.count(1));
            out.extend_from_slice(REDACTED_START);
            out.push(b']');
            out.resize(out.len() + *redacted, b'_');
            *redacted += 1;
        } else {
            out.extend_from_slice(key.as_bytes());
        }
        out.push(b'"');
    }

    fn member(self, out: &mut Vec<u8>, key: &str, value: &str, path: &mut Option<Vec<u8>>) {
        let Some(redactor) = self.format.redactor else { return self.value(out, value, path) };
        let is_number = !value.starts_with(['"', '{', '[', 'n']);
        let unescaped;
        let name = if key.contains('\\') {
            unescaped = unescape(key.as_bytes());
            &*unescaped
        } else {
            key
        };
        let start = out.len();
        match redactor.showing_nested(path.as_deref(), name, is_number) {
            Showing::Shown => self.value(out, value, path),
            Showing::Hidden => self.mark(out, redactor, value),
            Showing::Connection => {
                self.value(out, value, path);
                if !out[start..].windows(REDACTED_START.len()).any(|part| part == REDACTED_START) {
                    out.truncate(start);
                    self.mark(out, redactor, value);
                }
            }
        }
    }

    fn mark(self, out: &mut Vec<u8>, redactor: &Redactor, value: &str) {
        redactor.count(1);
        if !redactor.has_fingerprints() {
            return out.extend_from_slice(REDACTED);
        }
        let secret = unescape(string(value).unwrap_or(value).as_bytes());
        let format = ValueFormat { redactor: None, ..self.format };
        format.string(out, &redactor.mark(secret.as_bytes()), usize::MAX);
    }

    fn text(self, out: &mut Vec<u8>, json: &str) {
        let room = self.end.saturating_sub(out.len()).max(SHORT);
        let text = string(json).unwrap_or_default().as_bytes();
        let is_whole = text.len() <= room;
        if is_whole && self.format.redactor.is_none_or(|redactor| !redactor.may_find(text)) {
            out.extend_from_slice(json.as_bytes());
        } else {
            self.format.string(out, &unescape(text), room);
        }
    }
}
