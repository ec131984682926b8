//! `Deadline`: an instant that may be absent.

use std::time::Duration;

use tokio::time::Instant;

/// When a call has to be done, if ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NONE: Self = Self(None);

    /// The instant.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    /// Is there none?
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// The time left, zero once it has passed; none where there is no deadline.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn earlier(self, other: Instant) -> Self {
        Self(Some(self.0.map_or(other, |own| own.min(other))))
    }
}
