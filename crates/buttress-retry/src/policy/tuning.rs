//! `Tuning`: what `base`, `multiplier` and `max_delay` change of a policy's backoffs.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::Backoff;

/// The base of the default backoff after a transient failure.
pub(crate) const BASE: Duration = Duration::from_millis(200);

/// The base of the default backoff after a throttle.
const THROTTLED_BASE: Duration = Duration::from_secs(1);

/// Single settings of the backoffs, applied when the policy is built, so that their order doesn't matter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tuning {
    pub(crate) base: Option<Duration>,
    pub(crate) multiplier: Option<f64>,
    pub(crate) max_delay: Option<Duration>,
}

impl Tuning {
    /// The backoff after a transient failure: every setting applies.
    pub(crate) fn apply(&self, mut backoff: Backoff) -> Result<Backoff, ConfigError> {
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
            // The setting at fault is the one that the user set.
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

    /// The default backoff after a throttle: it begins at the cap where that is below its base.
    pub(crate) fn throttled(&self) -> Backoff {
        let max = self.max_delay.unwrap_or(Backoff::DEFAULT_MAX);
        let backoff = Backoff::exponential(THROTTLED_BASE.min(max)).max(max);
        self.multiplier.map_or(backoff.clone(), |factor| backoff.multiplier(factor))
    }

    /// A user's own backoff after a throttle: only the cap applies.
    pub(crate) fn own_throttled(&self, backoff: Backoff) -> Result<Backoff, ConfigError> {
        let backoff = self.cap(backoff);
        backoff.check("throttled_backoff")?;
        Ok(backoff)
    }

    /// The lower of both caps. What grows without one gets the default, unless it begins beyond it.
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
