//! `Probes`: the calls that a half-open circuit admits, and how they decide.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::range::{positive, within};
use crate::circuit::threshold::Threshold;

/// The calls that a half-open circuit admits, and when they close it. A number converts into as many probes with the
/// defaults.
///
/// ```
/// use buttress_breaker::{Breaker, Probes};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), buttress_breaker::ConfigError> {
/// let probes = Probes::new(5).to_close(5).timeout(Duration::from_secs(2));
/// let breaker = Breaker::builder("db").probes(probes).build()?;
/// # let _ = breaker; Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a setting does nothing before `probes`"]
pub struct Probes {
    pub(crate) number: u32,
    close_when: CloseWhen,
    pub(crate) timeout: Duration,
}

/// When a half-open circuit closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseWhen {
    /// Once the share of bad probes is sure to stay below the failure rate of the closed circuit.
    BelowFailureRate,
    /// Once this many probes have succeeded.
    Succeeded(u32),
    /// Once all probes are settled and no rate has reached its threshold.
    BelowEachRate,
}

impl Probes {
    /// A half-open circuit admits `number` calls, 1..=10 000.
    pub const fn new(number: u32) -> Self {
        Self { number, close_when: CloseWhen::BelowFailureRate, timeout: Duration::from_secs(10) }
    }

    /// The number of probes that must succeed to close the circuit: 1 or more, at most all probes. A probe that was throttled
    /// or slow does not count as a success. Default: enough to keep the share of bad probes below the failure rate, or below
    /// 0.5 without one: 2 of 3.
    pub const fn to_close(mut self, successes: u32) -> Self {
        self.close_when = CloseWhen::Succeeded(successes);
        self
    }

    /// Judges failed and slow probes separately, each by the rate of the closed circuit. The circuit closes after the last
    /// probe unless a rate is reached before. This needs a failure rate, or a slow call and its rate. Default: off, see
    /// [`to_close`](Self::to_close).
    pub const fn by_rate(mut self) -> Self {
        self.close_when = CloseWhen::BelowEachRate;
        self
    }

    /// How long a probe may hold its slot: above zero. A probe that takes longer has failed. Default: 10 s.
    ///
    /// The time includes that in which a probe waits for its own caller ([`CallerClock`](buttress_context::CallerClock)). A
    /// longer pause of a streamed upload fails the probe.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(super) const fn are_judged_by_rate(&self) -> bool {
        matches!(self.close_when, CloseWhen::BelowEachRate)
    }

    /// The number of probes that must succeed under this failure rate; none if their rates are judged instead.
    pub(super) fn needed(&self, failure_rate: f64) -> Option<u32> {
        match self.close_when {
            CloseWhen::BelowFailureRate => {
                Some(self.number - Threshold::new(failure_rate).most_below(self.number))
            }
            CloseWhen::Succeeded(probes) => Some(probes),
            CloseWhen::BelowEachRate => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("probes", "in 1..=10000", self.number, &(1..=10_000))?;
        if let CloseWhen::Succeeded(probes) = self.close_when {
            within("probes.to_close", "at least 1 and at most all probes", probes, &(1..=self.number))?;
        }
        positive("probes.timeout", self.timeout)
    }
}

/// 3 probes of at most 10 s each, of which 2 must succeed.
impl Default for Probes {
    fn default() -> Self {
        Self::new(3)
    }
}

impl From<u32> for Probes {
    fn from(number: u32) -> Self {
        Self::new(number)
    }
}
