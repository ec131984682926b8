//! `RedactionError`: a pattern that cannot be meant.

use std::fmt;

/// A name or a pattern of a [`Redaction`](crate::Redaction) is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedactionError {
    pattern: String,
    reason: &'static str,
}

impl RedactionError {
    pub(super) fn new(pattern: &str, reason: &'static str) -> Self {
        Self { pattern: pattern.to_owned(), reason }
    }

    /// The name or pattern, as it was given.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

impl fmt::Display for RedactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.pattern, self.reason)
    }
}

impl std::error::Error for RedactionError {}
