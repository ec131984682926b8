//! `RedactionBuilder`: the settings of a `Redaction`.

use std::sync::Arc;

use buttress_error::{Detectors, FingerprintKey};

use super::error::RedactionError;
use super::glob::Glob;
use super::pattern::TokenPattern;
use super::settings::{Redaction, Settings, new_id};

/// The settings of a [`Redaction`].
///
/// Fields, also of spans and of the context, and attributes of errors are given by name. A name may be a dotted path, in any
/// case of its letters. `*` stands for any text without a dot; at the end it stands for any text, so `headers.*` is all below
/// `headers`.
#[derive(Debug, Default)]
#[must_use = "it does nothing before `build`"]
pub struct RedactionBuilder {
    hide: Vec<String>,
    show: Vec<String>,
    show_only: Option<Vec<String>>,
    patterns: Vec<String>,
    detectors: Detectors,
    fingerprints: Option<FingerprintKey>,
}

impl RedactionBuilder {
    /// Hides more fields: those of these names, whatever their type. Default: none but those of
    /// [secret names](buttress_error::is_secret).
    pub fn hide<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.hide.extend(names.into_iter().map(Into::into));
        self
    }

    /// Shows fields of these names although their names are secret. Secrets in their texts are still redacted, and what is
    /// [hidden](Self::hide) stays hidden. Default: none.
    pub fn show<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.show.extend(names.into_iter().map(Into::into));
        self
    }

    /// Hides all fields except those of these names: an allow list. Messages, and the texts of errors, are shown without the
    /// secrets in them. What is [hidden](Self::hide), and secret names that are not on the list, stay hidden. Default: all.
    pub fn show_only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.show_only.get_or_insert_default().extend(names.into_iter().map(Into::into));
        self
    }

    /// Finds more secrets in texts: those that begin as given before a `*`, which stands for at least eight letters, digits and
    /// `_-.~+/=`. Default: none.
    pub fn patterns<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.patterns.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Sets the detectors for texts. Default: [`Detectors::new`], without e-mail and IP addresses.
    pub const fn detectors(mut self, detectors: Detectors) -> Self {
        self.detectors = detectors;
        self
    }

    /// Writes the fingerprint of a secret with it: `[redacted:a129ca6149be45e5]`. Lines with the same secret can then be found.
    /// Default: none.
    pub const fn fingerprints(mut self, key: FingerprintKey) -> Self {
        self.fingerprints = Some(key);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`RedactionError`] if a name is empty, longer than 256 bytes, has a blank or an empty part between dots, or two stars in a
    /// row; or if a pattern has not one star, at its end, behind at least three bytes of ASCII without blanks, quotes and
    /// backslashes.
    pub fn build(self) -> Result<Redaction, RedactionError> {
        let globs =
            |names: &[String]| names.iter().map(|name| Glob::new(name)).collect::<Result<Vec<_>, _>>();
        Ok(Redaction(Arc::new(Settings {
            id: new_id(),
            on: true,
            hide: globs(&self.hide)?,
            show: globs(&self.show)?,
            show_only: self.show_only.as_deref().map(globs).transpose()?,
            patterns: self
                .patterns
                .iter()
                .map(|pattern| TokenPattern::new(pattern))
                .collect::<Result<_, _>>()?,
            detectors: self.detectors,
            fingerprints: self.fingerprints,
        })))
    }
}
