//! Checks of single settings.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

use buttress_error::ConfigError;

/// NaN is in no range.
pub(crate) fn within<T: PartialOrd + Debug>(
    setting: &'static str,
    range: &'static str,
    given: T,
    allowed: &RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if allowed.contains(&given) { Ok(()) } else { Err(ConfigError::new(setting, range, given)) }
}

pub(super) fn rate(setting: &'static str, given: Option<f64>) -> Result<(), ConfigError> {
    let range = "a rate above 0.0 and at most 1.0, or none";
    given.map_or(Ok(()), |rate| within(setting, range, rate, &(f64::MIN_POSITIVE..=1.0)))
}

pub(super) fn positive(setting: &'static str, given: Duration) -> Result<(), ConfigError> {
    within(setting, "longer than zero", given, &(Duration::from_nanos(1)..=Duration::MAX))
}
