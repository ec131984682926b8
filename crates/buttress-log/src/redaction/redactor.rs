//! `Redactor`: a redaction at work, in one layer.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use buttress_error::__private::{is_connection, may_hold_secret};
use buttress_error::{is_secret, is_secret_number};

#[cfg(feature = "serde")]
use super::glob::Glob;
use super::settings::{Redaction, Settings};
use crate::encode::name::{FieldName, REDACTED_START, Role};

/// A redaction, and how much it has redacted.
#[derive(Debug)]
pub(crate) struct Redactor {
    redaction: Redaction,
    redacted: AtomicU64,
    /// Names are judged by more than their role.
    has_names: bool,
}

/// How the value of a name is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    /// With the secrets in it redacted.
    Shown,
    /// Not at all.
    Hidden,
    /// As a connection string: with the secrets in it redacted, and not at all if none is found.
    Connection,
}

impl Redactor {
    pub(crate) fn new(redaction: Redaction) -> Self {
        let Settings { hide, show, show_only, .. } = &*redaction.0;
        let has_names = !hide.is_empty() || !show.is_empty() || show_only.is_some();
        Self { redaction, redacted: AtomicU64::new(0), has_names }
    }

    fn settings(&self) -> &Settings {
        &self.redaction.0
    }

    /// Returns `None` if everything is shown.
    pub(crate) fn when_on(&self) -> Option<&Self> {
        self.settings().on.then_some(self)
    }

    /// Distinguishes redactions that may differ. Never 0.
    pub(crate) fn id(&self) -> usize {
        self.settings().id
    }

    /// Returns the number of values, and of secrets in texts, that were redacted since the last call.
    pub(crate) fn take_redacted(&self) -> u64 {
        // Most lines have none, and a load does not contend.
        if self.redacted.load(Ordering::Relaxed) == 0 { 0 } else { self.redacted.swap(0, Ordering::Relaxed) }
    }

    pub(crate) fn count(&self, secrets: usize) {
        self.redacted.fetch_add(secrets as u64, Ordering::Relaxed);
    }

    /// Returns `true` if names are judged by more than their role.
    pub(crate) const fn has_names(&self) -> bool {
        self.has_names
    }

    /// Judges the name of a field.
    pub(crate) fn showing(&self, name: &FieldName, is_number: bool) -> Showing {
        if self.has_names
            && let Some(showing) = self.showing_by_settings(name.text())
        {
            return showing;
        }
        match name.role {
            Role::Secret => Showing::Hidden,
            Role::SecretText if !is_number => Showing::Hidden,
            Role::Connection if !is_number => Showing::Connection,
            _ => Showing::Shown,
        }
    }

    /// Judges a name that no callsite has, such as that of an attribute.
    pub(crate) fn showing_of(&self, name: &str, is_number: bool) -> Showing {
        let by_settings = if self.has_names { self.showing_by_settings(name.as_bytes()) } else { None };
        by_settings.unwrap_or_else(|| showing_by_name(name, is_number))
    }

    /// Judges a member of a nested value: by its key, and by its `path` (`order.note`, as it is in JSON) if the settings judge
    /// names. What is to be hidden may also be the end of the path.
    #[cfg(feature = "serde")]
    pub(crate) fn showing_nested(&self, path: Option<&[u8]>, key: &str, is_number: bool) -> Showing {
        if let Some(path) = path {
            let Settings { hide, show, show_only, .. } = self.settings();
            let ends = || (0..path.len()).filter(|at| *at == 0 || path[at - 1] == b'.').map(|at| &path[at..]);
            let is_listed = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(path));
            match show_only {
                _ if hide.iter().any(|glob| ends().any(|end| glob.matches(end))) => return Showing::Hidden,
                _ if is_listed(show) => return Showing::Shown,
                Some(only) => return if is_listed(only) { Showing::Shown } else { Showing::Hidden },
                None => {}
            }
        }
        showing_by_name(key, is_number)
    }

    fn showing_by_settings(&self, name: &[u8]) -> Option<Showing> {
        let Settings { hide, show, show_only, .. } = self.settings();
        if hide.iter().any(|glob| glob.matches(name)) {
            return Some(Showing::Hidden);
        }
        if show.iter().any(|glob| glob.matches(name)) {
            return Some(Showing::Shown);
        }
        let only = show_only.as_ref()?;
        Some(if only.iter().any(|glob| glob.matches(name)) { Showing::Shown } else { Showing::Hidden })
    }

    /// Returns `false` only if a text has no secret whose form as a JSON string this is.
    pub(crate) fn may_find(&self, json: &[u8]) -> bool {
        let Settings { detectors, patterns, .. } = self.settings();
        may_hold_secret(json, *detectors) || patterns.iter().any(|pattern| pattern.may_be_in(json))
    }

    /// Returns where the secrets of a text are, in order and without overlap.
    pub(crate) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Settings { detectors, patterns, .. } = self.settings();
        let mut spans = detectors.find(text);
        if patterns.is_empty() {
            return spans;
        }
        patterns.iter().for_each(|pattern| pattern.find(text.as_bytes(), &mut spans));
        spans.sort_unstable_by_key(|span| span.start);
        spans.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            last.end = if touches { last.end.max(next.end) } else { last.end };
            touches
        });
        spans
    }

    /// Returns the mark for a secret.
    pub(crate) fn mark(&self, secret: &[u8]) -> Cow<'static, str> {
        // The mark of an earlier redaction has the fingerprint of the secret already, if any.
        match &self.settings().fingerprints {
            Some(key) if !secret.starts_with(REDACTED_START) => {
                format!("[redacted:{}]", key.fingerprint(secret)).into()
            }
            _ => "[redacted]".into(),
        }
    }

    /// Returns `true` if marks differ by what they stand for.
    pub(crate) fn has_fingerprints(&self) -> bool {
        self.settings().fingerprints.is_some()
    }
}

fn showing_by_name(name: &str, is_number: bool) -> Showing {
    match is_number {
        true if is_secret_number(name) => Showing::Hidden,
        false if is_connection(name) => Showing::Connection,
        false if is_secret(name) => Showing::Hidden,
        _ => Showing::Shown,
    }
}

#[cfg(test)]
mod tests {
    use buttress_error::Detectors;
    use proptest::prelude::*;

    use super::*;
    use crate::json::string::string;

    fn pieces() -> impl Strategy<Value = String> {
        let fixed = [
            "password",
            "=",
            ":",
            "\"",
            "'",
            "\\",
            " ",
            "\n",
            "://",
            "@",
            "Bearer ",
            "basic ",
            "BASIC ",
            "eyJhbGciOiJIUzI1NiJ9",
            ".",
            "AKIA",
            "IOSFODNN7EXAMPLE",
            "ghp_",
            "abcdefghij0123456789",
            "-----BEGIN PRIVATE KEY-----",
            "4242",
            "4242424242424242",
            "-",
            "token",
            "Cookie: a=",
            "[redacted]",
            "[",
            "&",
            "?code=",
            "Some(",
            "\u{7f}",
            "\u{1b}",
            "\t",
            "10.0.0.1",
            "a@b.cd",
            "dXNlcjpw",
            "aB38Q~",
            "Basic ",
            "dXNlcjpw=",
            "dXNlcjpwdXNlcjpw",
            "mF_9.B5f",
            "x ",
            "/a/b/c/",
            "-----BEGIN RSA PRIVATE KEY",
            "3782 822463 10005",
            "glpat-",
            "xoxb-12345",
            "acme_",
            "\u{2028}",
            "é",
        ];
        let piece =
            prop_oneof![8 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => "(?s).{0,6}"];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        /// [S38] The quick check of the encoded text never rules out a secret.
        #[test]
        fn the_quick_check_misses_nothing(text in pieces(), personal: bool) {
            let detectors = Detectors::new();
            let detectors = if personal { detectors.emails().ip_addresses() } else { detectors };
            let redactor = Redactor::new(Redaction::builder().patterns(["acme_*"]).detectors(detectors).build().unwrap());
            let mut json = Vec::new();
            string(&mut json, &text, usize::MAX);
            let found = redactor.find(&text);
            prop_assert!(found.is_empty() || redactor.may_find(&json[1..json.len() - 1]), "{found:?}");
        }
    }
}
