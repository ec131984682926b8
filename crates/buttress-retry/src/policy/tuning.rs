//! `Tuning`: the settings `base`, `multiplier` and `max_delay`, which change single numbers of the backoffs.

use std::time::Duration;

use buttress_error::ConfigError;

use super::backoff::Backoff;

/// The base of the default backoff after a transient failure.
pub(super) const BASE: Duration = Duration::from_millis(200);

/// The base of the default backoff after a throttle.
const THROTTLED_BASE: Duration = Duration::from_secs(1);

/// Changes of the backoffs. They are applied when the policy is built, so that the order of setters doesn't matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tuning {
    pub(super) base: Option<Duration>,
    pub(super) multiplier: Option<f64>,
    pub(super) max_delay: Option<Duration>,
}

impl Tuning {
    /// Applies every setting to the backoff after transient failures.
    pub(super) fn tune(&self, mut backoff: Backoff) -> Result<Backoff, ConfigError> {
        if let Some(base) = self.base {
            let refused = || ConfigError::new("base", "left out, as an iterator gives the waits", base);
            backoff = backoff.with_base(base).ok_or_else(refused)?;
        }
        if let Some(factor) = self.multiplier {
            backoff = backoff.multiplier(factor);
        }
        let own_max = backoff.own_max();
        let backoff = self.cap(backoff);
        if let (Some(base), Some(max)) = (backoff.base(), backoff.own_max())
            && max < base
        {
            // Names the setting that the user set.
            match (self.base, self.max_delay) {
                (_, Some(given)) if own_max.is_none_or(|own| own >= base) => {
                    return Err(ConfigError::new("max_delay", "at least the base", given));
                }
                (Some(given), _) => {
                    let range = "at most the cap, which is 5 s unless `max_delay` sets another";
                    return Err(ConfigError::new("base", range, given));
                }
                _ => {}
            }
        }
        backoff.check("backoff")?;
        Ok(backoff)
    }

    /// Returns the default backoff after a throttle. It starts at the cap if that is below its base.
    pub(super) fn default_throttled(&self) -> Backoff {
        let max = self.max_delay.unwrap_or(Backoff::DEFAULT_MAX);
        let backoff = Backoff::exponential(THROTTLED_BASE.min(max)).max(max);
        match self.multiplier {
            Some(factor) => backoff.multiplier(factor),
            None => backoff,
        }
    }

    /// Applies the cap to the user's own backoff after a throttle.
    pub(super) fn cap_throttled(&self, backoff: Backoff) -> Result<Backoff, ConfigError> {
        let backoff = self.cap(backoff);
        backoff.check("throttled_backoff")?;
        Ok(backoff)
    }

    /// Applies the lower of both caps. A backoff that grows without a cap gets the default one, unless its base is above it.
    fn cap(&self, backoff: Backoff) -> Backoff {
        let lower = backoff.own_max().into_iter().chain(self.max_delay).min();
        let default = || {
            let fits = backoff.base().is_some_and(|base| base <= Backoff::DEFAULT_MAX);
            (backoff.grows() && (fits || self.base.is_some())).then_some(Backoff::DEFAULT_MAX)
        };
        match lower.or_else(default) {
            Some(max) => backoff.max(max),
            None => backoff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The base decides the jitter on top of a server's wait, so it is not above the cap either.
    #[test]
    fn the_default_after_a_throttle_starts_at_a_low_cap() {
        let base = |max_delay| Tuning { max_delay, ..Tuning::default() }.default_throttled().base();
        assert_eq!(base(None), Some(THROTTLED_BASE));
        assert_eq!(base(Some(Duration::from_secs(2))), Some(THROTTLED_BASE));
        assert_eq!(base(Some(Duration::from_millis(500))), Some(Duration::from_millis(500)));
    }
}
