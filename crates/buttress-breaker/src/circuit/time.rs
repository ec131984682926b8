//! The circuit's time: nanoseconds since it was created, for 584 years.

use std::time::Duration;

pub(crate) type Nanos = u64;

/// The end of time, which nothing reaches. As the time of an event, it means that the clock was not read.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// Saturates at 584 years.
pub(crate) const fn nanos(duration: Duration) -> Nanos {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as Nanos)
}
