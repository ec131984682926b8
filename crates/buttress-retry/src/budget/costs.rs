//! `RetryCosts`: the cost of a retry, by the kind of the failure before it.

use buttress_error::{ConfigError, Kind};

#[derive(Clone, Copy, Debug)]
pub(super) struct RetryCosts {
    pub(super) retry: u32,
    pub(super) timeout: u32,
    pub(super) throttle: u32,
}

impl RetryCosts {
    pub(super) const fn uniform(cost: u32) -> Self {
        Self { retry: cost, timeout: cost, throttle: cost }
    }

    pub(super) const fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Timeout => self.timeout,
            Kind::Throttled => self.throttle,
            _ => self.retry,
        }
    }

    /// Refuses a cost of zero, as such retries would have no bound.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let costs =
            [("retry_cost", self.retry), ("timeout_cost", self.timeout), ("throttle_cost", self.throttle)];
        match costs.into_iter().find(|(_, cost)| *cost == 0) {
            Some((setting, cost)) => Err(ConfigError::new(setting, "at least 1", cost)),
            None => Ok(()),
        }
    }
}
