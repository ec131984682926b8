//! `Deadline`: an instant that may be absent, and since when it counts.

use std::time::Duration;

use tokio::time::Instant;

/// When a call has to be done, if ever. Deadlines at the same instant are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<Span>);

/// The time that was given.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Deadline {
    pub(crate) const NONE: Self = Self(None);

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        match self.0 {
            Some(span) => Some(span.end),
            None => None,
        }
    }

    /// When the deadline was set: its time counts from there.
    #[must_use]
    pub const fn start(self) -> Option<Instant> {
        match self.0 {
            Some(span) => Some(span.start),
            None => None,
        }
    }

    /// Is there none?
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// The time left, zero once it has passed; none where there is no deadline.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.instant().map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// The earlier one of itself and `end`, which counts from `start()`.
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
