//! What a retry costs, by the failure that caused it.

use buttress_error::{ConfigError, Kind};

#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    pub(super) retry: u32,
    pub(super) timeout: u32,
    pub(super) throttle: u32,
}

impl Prices {
    pub(super) const fn each(price: u32) -> Self {
        Self { retry: price, timeout: price, throttle: price }
    }

    pub(super) const fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Timeout => self.timeout,
            Kind::Throttled => self.throttle,
            _ => self.retry,
        }
    }

    /// Retries that cost nothing would have no bound.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let costs =
            [("retry_cost", self.retry), ("timeout_cost", self.timeout), ("throttle_cost", self.throttle)];
        match costs.into_iter().find(|(_, cost)| *cost == 0) {
            Some((setting, cost)) => Err(ConfigError::new(setting, "at least 1", cost)),
            None => Ok(()),
        }
    }
}
