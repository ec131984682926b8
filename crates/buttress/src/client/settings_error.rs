//! `SettingsError`: all invalid settings of a client.

use std::fmt;
use std::sync::Arc;

use buttress_error::{Class, Classify, ConfigError, Kind};

/// All invalid settings of a client, each with its range.
///
/// ```
/// use std::time::Duration;
///
/// let error = buttress::client("payments")
///     .deadline(Duration::ZERO)
///     .attempt_timeout(Duration::ZERO)
///     .send_deadline_to("payments.internal")
///     .build()
///     .unwrap_err();
/// let settings: Vec<_> = error.errors().iter().map(|error| error.setting()).collect();
/// assert_eq!(settings, ["deadline", "attempt_timeout", "send_deadline_to"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    client: Arc<str>,
    errors: Vec<ConfigError>,
}

impl SettingsError {
    pub(super) fn new(client: &Arc<str>, errors: Vec<ConfigError>) -> Self {
        Self { client: Arc::clone(client), errors }
    }

    /// Returns the invalid settings, at least one.
    #[must_use]
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

/// One line with the client and each invalid setting.
impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.len() {
            1 => write!(f, "client {}: ", self.client)?,
            invalid => write!(f, "client {}: {invalid} invalid settings: ", self.client)?,
        }
        for (n, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

impl Classify for SettingsError {
    fn class(&self) -> Class {
        Class::new(Kind::Config)
    }
}
