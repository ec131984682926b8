//! `ConfigError`: a setting that was refused at build.

use std::fmt;

use crate::class::Class;
use crate::classify::Classify;
use crate::kind::Kind;

/// A bad setting, refused when a policy or a layer is built: which one, what was given, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    range: &'static str,
    given: Box<str>,
}

impl ConfigError {
    /// `setting` was `given`, but has to be in `range`: what follows "must be", as in `at least 1`.
    ///
    /// ```
    /// use buttress_error::ConfigError;
    ///
    /// let error = ConfigError::new("max_attempts", "at least 1", 0);
    /// assert_eq!(error.to_string(), "invalid max_attempts: must be at least 1, got 0");
    /// ```
    #[must_use]
    pub fn new(setting: &'static str, range: &'static str, given: impl fmt::Debug) -> Self {
        Self { setting, range, given: format!("{given:?}").into() }
    }

    /// The setting, by the name of its setter.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is allowed: the words after "must be".
    #[must_use]
    pub const fn range(&self) -> &'static str {
        self.range
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}: must be {}, got {}", self.setting, self.range, self.given)
    }
}

impl std::error::Error for ConfigError {}

impl Classify for ConfigError {
    fn class(&self) -> Class {
        Class::new(Kind::Config)
    }
}
