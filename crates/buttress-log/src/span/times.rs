//! How long a span is busy and idle.

use std::time::Duration;

use tokio::time::Instant;

/// The times of a span until now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanTimes {
    busy: Duration,
    idle: Duration,
    /// How often the span is entered now: threads may be in it at the same time.
    entered: usize,
    since: Instant,
}

impl SpanTimes {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { busy: Duration::ZERO, idle: Duration::ZERO, entered: 0, since: now }
    }

    pub(crate) fn enter(&mut self, now: Instant) {
        self.pass(now);
        self.entered += 1;
    }

    pub(crate) fn exit(&mut self, now: Instant) {
        self.pass(now);
        self.entered = self.entered.saturating_sub(1);
    }

    /// Returns how long the span was busy, and how long idle.
    pub(crate) fn close(mut self, now: Instant) -> (Duration, Duration) {
        self.pass(now);
        (self.busy, self.idle)
    }

    /// The time since the last change was busy or idle.
    fn pass(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        *(if self.entered > 0 { &mut self.busy } else { &mut self.idle }) += passed;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_busy_while_anyone_is_in_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut times = SpanTimes::new(start);
        times.enter(at(1));
        times.enter(at(3));
        times.exit(at(4));
        times.exit(at(8));
        times.exit(at(9)); // Once too often.
        times.enter(at(10));
        assert_eq!(times.close(at(20)), (Duration::from_secs(17), Duration::from_secs(3)));
    }
}
