//! `Deadline`: the end of a call, if it has one, and the start of its time.

use std::time::Duration;

use tokio::time::Instant;

/// The time by which a call must end, if there is one. Deadlines at the same instant are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<Span>);

/// The time from when the deadline was set to the deadline.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Deadline {
    pub(crate) const NONE: Self = Self(None);

    /// Returns the instant, or `None` if there is no deadline.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        match self.0 {
            Some(span) => Some(span.end),
            None => None,
        }
    }

    /// Returns the time from which the deadline counts: when it was set.
    #[must_use]
    pub const fn start(self) -> Option<Instant> {
        match self.0 {
            Some(span) => Some(span.start),
            None => None,
        }
    }

    /// Returns `true` if there is no deadline.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// Returns the time left, zero once the deadline has passed, or `None` if there is no deadline.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.instant().map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Returns the earlier of itself and `end`, which counts from `start()`.
    pub(crate) fn earlier(self, end: Instant, start: impl FnOnce() -> Instant) -> Self {
        match self.0 {
            Some(own) if own.end <= end => self,
            _ => Self(Some(Span { start: start(), end })),
        }
    }
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        self.instant() == other.instant()
    }
}

impl Eq for Deadline {}
