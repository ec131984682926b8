//! The one setting that can be bad.

use std::time::Duration;

use buttress_error::ConfigError;

pub(crate) fn check_limit(limit: Duration) -> Result<Duration, ConfigError> {
    if limit.is_zero() {
        return Err(ConfigError::new("limit", "longer than zero", limit));
    }
    Ok(limit)
}
