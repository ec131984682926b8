//! `Allowance`: how long one call may take, and whose limit that is. A plain value.

use std::time::Duration;

use buttress_context::Deadline;
use tokio::time::Instant;

/// How long one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    start: Instant,
    end: Option<Instant>,
    owner: Owner,
}

/// Whose limit ends the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The layer's.
    Layer,
    /// A deadline that the call came with.
    Caller,
}

impl Allowance {
    /// From `start` on for `limit`, but not beyond the deadline that the call came with.
    ///
    /// A limit beyond the end of time is none.
    pub(crate) fn new(start: Instant, limit: Duration, inherited: Deadline) -> Self {
        let own = start.checked_add(limit);
        match (own, inherited.instant()) {
            (own, Some(inherited)) if own.is_none_or(|own| inherited < own) => {
                Self { start, end: Some(inherited), owner: Owner::Caller }
            }
            (own, _) => Self { start, end: own, owner: Owner::Layer },
        }
    }

    /// When the time is up, if ever.
    pub(crate) const fn end(&self) -> Option<Instant> {
        self.end
    }

    pub(crate) const fn owner(&self) -> Owner {
        self.owner
    }

    /// Was the time up before the call began?
    pub(crate) fn is_spent(&self) -> bool {
        self.end.is_some_and(|end| end <= self.start)
    }

    /// The whole of it; zero if it was spent from the start.
    pub(crate) fn limit(&self) -> Duration {
        self.end.map_or(Duration::MAX, |end| end.saturating_duration_since(self.start))
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use buttress_context::Context;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn none() -> Deadline {
        Context::default().deadline()
    }

    fn at(deadline: Instant) -> Deadline {
        Context::default().with_deadline(deadline).deadline()
    }

    /// [S28] The attempt timeout is at most what the deadline leaves; a deadline only ever gets shorter.
    #[test]
    fn the_nearer_limit_counts_and_has_an_owner() {
        let now = Instant::now();
        let cases = [
            (Allowance::new(now, SECOND, none()), SECOND, Owner::Layer),
            (Allowance::new(now, SECOND, at(now + 3 * SECOND)), SECOND, Owner::Layer),
            (Allowance::new(now, SECOND, at(now + SECOND)), SECOND, Owner::Layer),
            (Allowance::new(now, 5 * SECOND, at(now + 3 * SECOND)), 3 * SECOND, Owner::Caller),
        ];
        for (allowance, limit, owner) in cases {
            assert_eq!((allowance.limit(), allowance.owner()), (limit, owner));
            assert_eq!(allowance.end(), Some(now + limit));
            assert!(!allowance.is_spent());
        }
    }

    /// [S5] The longest duration means never, and time that runs backwards is no time.
    #[test]
    fn saturates() {
        let now = Instant::now();
        let never = Allowance::new(now, Duration::MAX, none());
        assert_eq!((never.end(), never.limit(), never.is_spent()), (None, Duration::MAX, false));
        assert_eq!(Allowance::new(now, Duration::MAX, at(now + SECOND)).limit(), SECOND);
        assert_eq!(Allowance::new(now + SECOND, SECOND, none()).elapsed(now), Duration::ZERO);

        let spent = Allowance::new(now + SECOND, SECOND, at(now));
        assert_eq!((spent.limit(), spent.is_spent()), (Duration::ZERO, true));
        assert!(Allowance::new(now, Duration::ZERO, none()).is_spent());
    }
}
