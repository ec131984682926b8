//! `Nanos`: a duration in half the size.

use std::num::NonZero;
use std::time::Duration;

/// A duration in nanoseconds, saturating at 584 years. It has half the size of a `Duration`, since rejections are moved
/// often.
#[derive(Clone, Copy)]
pub(super) struct Nanos(NonZero<u64>);

impl Nanos {
    #[inline]
    pub(super) const fn new(time: Duration) -> Self {
        let nanos = time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos() as u64);
        // One more than the duration, so that an `Option` has the same size.
        match NonZero::new(nanos.saturating_add(1)) {
            Some(nanos) => Self(nanos),
            None => unreachable!(),
        }
    }

    pub(super) const fn time(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }
}
