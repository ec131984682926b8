//! How a builder makes a breaker.

use std::sync::Arc;

use buttress_error::ConfigError;

use crate::breaker::Breaker;
use crate::circuit::builder::BreakerBuilder;
use crate::circuit::settings::Settings;

impl BreakerBuilder {
    /// Checks the settings and makes the breaker.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that is out of range.
    pub fn build(self) -> Result<Breaker, ConfigError> {
        self.check()?;
        Ok(self.unchecked())
    }

    /// Makes the breaker of settings that are in range.
    pub(crate) fn unchecked(self) -> Breaker {
        Breaker::with_settings(Arc::clone(&self.name), Settings::new(self))
    }
}
