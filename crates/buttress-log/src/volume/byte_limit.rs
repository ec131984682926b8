//! `ByteLimit`: a token bucket of bytes. No clock, no lock.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

const NANOS: u128 = 1_000_000_000;

/// Lets a number of bytes per second pass, and as many at once after a quiet second. ERROR lines always pass. They use up bytes as
/// well, at the expense of the lines after them.
#[derive(Debug)]
pub(super) struct ByteLimit {
    per_second: u64,
    /// Negative after more ERROR lines than the limit allows, by at most one second's worth.
    available: i128,
    /// Until when `available` has been filled up.
    filled: Option<Instant>,
    /// When the summary of the current second is due.
    ends: Option<Instant>,
    dropped: Dropped,
}

/// The lines that did not pass since the last summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

impl ByteLimit {
    pub(super) fn new(per_second: NonZeroU64) -> Self {
        let per_second = per_second.get();
        Self {
            per_second,
            available: per_second.into(),
            filled: None,
            ends: None,
            dropped: Dropped::default(),
        }
    }

    /// Returns `None` if a line may pass, or else when a summary is due.
    pub(super) fn count(&mut self, now: Instant, level: Level, len: usize) -> Option<Instant> {
        self.fill(now);
        let len = len as i128;
        if level == Level::ERROR {
            self.available = (self.available - len).max(-i128::from(self.per_second));
            return None;
        }
        if len <= self.available {
            self.available -= len;
            return None;
        }
        self.dropped.lines += 1;
        self.dropped.bytes += len as u64;
        Some(*self.ends.get_or_insert(now + Duration::from_secs(1)))
    }

    fn fill(&mut self, now: Instant) {
        let filled = *self.filled.get_or_insert(now);
        let bytes = now.saturating_duration_since(filled).as_nanos() * u128::from(self.per_second) / NANOS;
        if bytes > 0 {
            let full = i128::from(self.per_second);
            self.available = full.min(self.available.saturating_add_unsigned(bytes));
            // Only as far as whole bytes go: the rest of the time counts at the next line.
            let used = bytes * NANOS / u128::from(self.per_second);
            let used = Duration::from_nanos(u64::try_from(used).unwrap_or(u64::MAX));
            self.filled = Some(if self.available == full { now } else { filled + used });
        }
    }

    /// Returns what was dropped since the last summary.
    pub(super) fn summarize(&mut self) -> Option<Dropped> {
        self.ends = None;
        Some(std::mem::take(&mut self.dropped)).filter(|dropped| dropped.lines > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(per_second: u64) -> ByteLimit {
        ByteLimit::new(NonZeroU64::new(per_second).unwrap())
    }

    #[test]
    fn errors_pass_at_the_expense_of_later_lines() {
        let (mut limit, now) = (limit(100), Instant::now());
        let end = Some(now + Duration::from_secs(1));
        assert_eq!(limit.count(now, Level::INFO, 60), None);
        assert_eq!(limit.count(now, Level::INFO, 60), end);
        assert_eq!(limit.count(now, Level::DEBUG, 40), None, "a shorter one");
        assert_eq!(limit.count(now, Level::ERROR, 100_000), None);
        let later = now + Duration::from_millis(900);
        assert_eq!(limit.count(later, Level::WARN, 1), end);
        assert_eq!(limit.summarize(), Some(Dropped { lines: 2, bytes: 61 }));
        assert_eq!(limit.summarize(), None);
        assert_eq!(limit.count(later + Duration::from_millis(200), Level::WARN, 10), None);
    }

    proptest! {
        /// In any span of time at most one second's worth of bytes passes in addition to those of that time.
        #[test]
        fn no_span_of_time_exceeds_the_limit(
            per_second in 1u64..2_000,
            lines in proptest::collection::vec((0u64..700, 1usize..900, any::<bool>()), 1..100),
        ) {
            let (mut limit, start) = (limit(per_second), Instant::now());
            let (mut now, mut passed) = (start, Vec::new());
            for (millis, len, error) in lines {
                now += Duration::from_millis(millis);
                let level = if error { Level::ERROR } else { Level::WARN };
                let pass = limit.count(now, level, len).is_none();
                prop_assert!(pass || !error);
                if pass && !error {
                    passed.push((now, len as u64));
                }
            }
            for (index, (from, _)) in passed.iter().enumerate() {
                let mut bytes = 0;
                for (until, len) in &passed[index..] {
                    bytes += len;
                    let allowed = (until.duration_since(*from).as_secs_f64() + 1.0) * per_second as f64;
                    prop_assert!(bytes as f64 <= allowed + 1.0, "{} > {}", bytes, allowed);
                }
            }
        }
    }
}
