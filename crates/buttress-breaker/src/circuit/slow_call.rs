//! `SlowCall`: which calls are slow, and how many of them open the circuit.

use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::range::{positive, rate};

/// When a call is slow, and the share of slow calls at which a closed circuit opens.
///
/// A call that takes longer than the limit is slow, whether it succeeds or fails. A [`Duration`] converts into a limit with
/// the default rate, and `None` into no limit.
///
/// ```
/// use buttress_breaker::{Breaker, SlowCall};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), buttress_breaker::ConfigError> {
/// let limit = Duration::from_millis(500);
/// let half = Breaker::builder("search").slow_call(limit).build()?;
/// let tenth = Breaker::builder("ads").slow_call(SlowCall::longer_than(limit).rate(0.1)).build()?;
/// # let _ = (half, tenth); Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a setting does nothing before `slow_call`"]
pub struct SlowCall {
    pub(super) limit: Option<Duration>,
    pub(super) rate: Option<f64>,
}

impl SlowCall {
    /// A call is slow if it takes longer than `limit`, which is above zero.
    pub const fn longer_than(limit: Duration) -> Self {
        Self { limit: Some(limit), rate: Some(0.5) }
    }

    /// The share of slow calls in the window at which the circuit opens: above 0.0, at most 1.0. With `None` slow calls are
    /// counted and open nothing. Default: 0.5.
    pub fn rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.rate = rate.into();
        self
    }

    /// Returns `true` if slow calls can open the circuit.
    pub(super) const fn is_judged(&self) -> bool {
        self.limit.is_some() && self.rate.is_some()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        positive("slow_call", self.limit.unwrap_or(Duration::MAX))?;
        rate("slow_call.rate", self.rate)
    }
}

/// No call is slow.
impl Default for SlowCall {
    fn default() -> Self {
        None.into()
    }
}

impl From<Duration> for SlowCall {
    fn from(limit: Duration) -> Self {
        Self::longer_than(limit)
    }
}

impl From<Option<Duration>> for SlowCall {
    fn from(limit: Option<Duration>) -> Self {
        Self { limit, ..Self::longer_than(Duration::MAX) }
    }
}
