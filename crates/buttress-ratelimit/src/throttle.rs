//! Whether the answers of the dependency drain the limit.

use std::time::Duration;

use buttress_error::{Classifier, Kind};

/// Returns for how long an answer drains the limit.
pub trait ReadThrottle<Res, E> {
    /// Whether any answer does.
    const READS: bool;

    /// Returns the time until the next permit; none if the answer drains nothing.
    fn drain(&self, outcome: &Result<Res, E>) -> Option<Duration>;
}

/// No answer drains the limit.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoDrain;

impl<Res, E> ReadThrottle<Res, E> for NoDrain {
    const READS: bool = false;

    fn drain(&self, _: &Result<Res, E>) -> Option<Duration> {
        None
    }
}

/// An answer of kind `Throttled` drains the limit; see
/// [`RateLimitLayer::drain_on_throttle`](crate::RateLimitLayer::drain_on_throttle).
#[derive(Clone, Copy, Debug)]
pub struct DrainOnThrottle<C> {
    pub(crate) classifier: C,
    pub(crate) max_wait: Duration,
}

impl<Res, E, C: Classifier<Res, E>> ReadThrottle<Res, E> for DrainOnThrottle<C> {
    const READS: bool = true;

    fn drain(&self, outcome: &Result<Res, E>) -> Option<Duration> {
        let verdict = self.classifier.judge(outcome);
        let class = verdict.class().filter(|class| class.kind == Kind::Throttled)?;
        Some(class.retry_after.unwrap_or_default().min(self.max_wait))
    }
}
